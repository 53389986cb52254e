"""Standard output that nobody has to read: `up | head` must not end a deployment."""

from __future__ import annotations

import contextlib
import os
import sys


class PatientOutput:
    """Writes to standard output as long as somebody reads it, and nowhere after that."""

    def __init__(self) -> None:
        self._closed = False

    def write(self, text: str) -> int:
        """Write, if that is still of use."""
        if not self._closed:
            try:
                sys.stdout.write(text)
                sys.stdout.flush()
            except (OSError, ValueError):
                self._give_up()
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def _give_up(self) -> None:
        self._closed = True
        # Python flushes once more at the end, and would complain of it in the exit code.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
