"""Readers who come, go, are killed and stall, and a server that is replaced under them: each has each event once."""

from tests.bench.soak import soak


async def test_every_reader_has_every_event_once_whatever_happens():
    outcome = await soak(readers=48, rate=60, seconds=6)
    assert outcome.faults == []
    assert outcome.behind == 0
    assert {"left", "killed", "stalled", "connected"} <= outcome.done.keys()
    assert outcome.done["exit 0"] == 2
    assert outcome.deliveries > 48 * 10
