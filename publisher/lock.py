"""One of many: what only one process of a machine may do."""

from __future__ import annotations

import fcntl
import os

from shared.errors import NewsreelError


class LockError(NewsreelError):
    """The lock's file cannot be made."""


class MachineLock:
    """Held by one process of this machine at a time; the kernel takes it from who ends, in whatever way."""

    def __init__(self, path: str | None) -> None:
        """Make a lock, which is not held yet.

        Args:
            path: of its file, the same for all that share it; None if there is nobody to share it with.

        Raises:
            LockError: the file cannot be made.
        """
        try:
            self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600) if path is not None else None
        except OSError as error:
            raise LockError(f"{path}: {error.strerror}; see that its folder exists and may be written to") from None
        self._held = path is None

    def take(self) -> bool:
        """Hold it from now on, unless another process does; tells whether it is held."""
        if not self._held and self._file is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            self._held = True
        return self._held

    def close(self) -> None:
        """Let go of it."""
        self._held = False
        if self._file is not None:
            os.close(self._file)
            self._file = None
