"""How long tests wait for what must come: only what never comes fails, not what a busy machine brings late."""

import asyncio
import time

import pytest

PATIENCE = 120.0
"""Seconds. No test is to tell anything by them: they only end what hangs."""


async def soon(condition):
    """Wait for what the loop, a thread or another process brings about; give it."""
    async with asyncio.timeout(PATIENCE):
        while not (found := condition()):  # noqa: ASYNC110 nothing there rings a bell
            await asyncio.sleep(0.001)
    return found


def until(condition, what="it"):
    """Wait for the same where no loop runs."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail(f"{what} did not happen within {PATIENCE:.0f} s")
