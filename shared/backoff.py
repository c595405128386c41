"""How long to wait before the next try. Pure: chance is an argument."""

from __future__ import annotations

from dataclasses import dataclass, replace

DEFAULT_SECONDS = 2.0
"""First wait, until the server names its own (``retry:``)."""
LONGEST_SECONDS = 60.0
"""Waits grow up to here, or to the server's own ``retry:`` if that is longer."""
SHORTEST_SECONDS = 0.001
"""Stands for ``retry: 0``, so that waits can grow from it."""
MOST_ASKED_SECONDS = 3_600.0
"""Longest ``retry:`` that is obeyed: whoever asks for more has mistaken the unit, and some wait for years."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: any wait between nothing and a bound that doubles with each failure, so that all who wait spread.

    Attributes:
        base: the bound of the first wait, in seconds.
        failures: tries in a row that brought nothing.
        longest: what bounds grow up to, unless the base is longer.
    """

    base: float = DEFAULT_SECONDS
    failures: int = 0
    longest: float = LONGEST_SECONDS

    def starting_from(self, milliseconds: int | None) -> Backoff:
        """Take over the server's ``retry:``, in reason; None leaves the base as it is."""
        if milliseconds is None:
            return self
        return replace(self, base=min(max(milliseconds / 1000, SHORTEST_SECONDS), MOST_ASKED_SECONDS))

    def failed(self) -> Backoff:
        """Count one more try that brought nothing."""
        return replace(self, failures=self.failures + 1)

    def healthy(self) -> Backoff:
        """Begin anew after a connection that brought something."""
        return replace(self, failures=0)

    def wait(self, chance: float, retry_after: float | None = None) -> float:
        """Tell how long to wait, in seconds.

        Args:
            chance: from 0 up to 1, drawn anew each time.
            retry_after: what the server asked for; it is waited out whole, and jitter comes on top.
        """
        bound = self.base * 2.0 ** min(self.failures, 40)
        return (retry_after or 0.0) + chance * min(bound, max(self.base, self.longest))
