"""The garbage collector's one owner: it keeps what is there to stay out of the collector's sight.

A full collection looks at all that is alive: among 10,000 streams it holds the loop for 60 ms. A stream is freed when
it is gone, collector or no.
"""

from __future__ import annotations

import gc

SETTLED = 1_000
"""New streams after which what is alive is taken out of the collector's sight."""
TURNOVERS = 2
"""After so many times as many new streams as there are, the collector does look at all: of requests that were being
answered when they went out of its sight, about 50 KB in a thousand streams, nothing was freed."""


class Garbage:
    """Looks after what one server leaves behind."""

    def __init__(self) -> None:
        self._came = self._collected = 0

    def collect(self) -> None:
        """Free what is garbage, among all that is alive."""
        gc.unfreeze()
        gc.collect()

    def settle(self) -> None:
        """Take what is alive out of the collector's sight: it is there to stay."""
        gc.freeze()

    def came(self, inside: int) -> None:
        """Note that a stream came, one of ``inside`` by now; what is alive is settled now and then."""
        self._came += 1
        if self._came % SETTLED:
            return
        if self._came - self._collected >= TURNOVERS * max(inside, SETTLED):
            self._collected = self._came
            self.collect()
        else:
            gc.collect(1)  # not what is garbage already
        self.settle()
