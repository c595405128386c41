"""How the time of a thing grows with its size: what no loaded machine can fail, and a quadratic algorithm does."""

import gc
import time

TIMES = 8
"""How many times as large the large case is: what is linear takes 8 times as long, what is quadratic 64 times."""
MOST = 24
TRIES = 4


def seconds(do, size):
    """Tell the seconds of CPU that ``do(size)()`` takes: ``do`` prepares, what it gives is timed."""
    run = do(size)
    gc.disable()  # what other tests left behind is not its cost
    try:
        began = time.process_time()
        run()
        return time.process_time() - began
    finally:
        gc.enable()


def assert_linear(do, small):
    """Hold ``do`` against itself: at ``TIMES`` the size it may take ``MOST`` times as long, in the best of some tries.

    Choose ``small`` so that it takes a few milliseconds: of less, the fixed costs hide how it grows.
    """
    least = min(seconds(do, small) for _ in range(TRIES))
    most = []
    while len(most) < TRIES:
        most.append(seconds(do, small * TIMES))
        if most[-1] <= MOST * least:
            return
    raise AssertionError(f"{small} took {least:.4f} s, {small * TIMES} took {min(most):.4f} s: that is not linear")
