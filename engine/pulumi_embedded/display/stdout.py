"""Standard output that may be closed: `up | head` must not end a deployment."""

from __future__ import annotations

import contextlib
import os
import sys


class StandardOutput:
    """Writes to standard output until its reader closes it, and discards everything after that."""

    def __init__(self) -> None:
        self._closed = False

    def write(self, text: str) -> int:
        """Write and flush the text, unless the reader is gone."""
        if not self._closed:
            try:
                sys.stdout.write(text)
                sys.stdout.flush()
            except (OSError, ValueError):
                self._discard()
        return len(text)

    def flush(self) -> None:
        """Do nothing: every write is flushed."""

    def _discard(self) -> None:
        self._closed = True
        # Python flushes once more when it exits; a failure of that would change the exit code.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
