"""What all tests share."""

import os
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings
from patience import PATIENCE

from publisher.library import checkpoints

# How fast the machine is says nothing of what is tested. The examples are the same at every run of a commit: what a
# search finds by chance is to be mended, but not by whoever runs the tests that day. NEWSREEL_EXPLORE=1 looks for more.
explore = bool(os.environ.get("NEWSREEL_EXPLORE"))
settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not explore,
    database=settings.default.database if explore else None,
    print_blob=True,
)
settings.load_profile("unhurried")

# A script's background ignores this, and the programs under test would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Publishers that tests start keep their tokens here, not among the user's.
_state = tempfile.TemporaryDirectory(prefix="newsreel-tests-")
os.environ["XDG_STATE_HOME"] = _state.name


# A disk that others keep busy is waited for, as in earnest, but not given up.
checkpoints.WIPED_SECONDS = PATIENCE


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a skip into a failure where nothing may be skipped: on CI every tool is there."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("NEWSREEL_NOTHING_SKIPPED"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be: {report.longrepr}"
