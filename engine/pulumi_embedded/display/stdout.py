"""Standard output that may be closed (`up | head` must not end a deployment), and may not encode every character."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys


def replace_unencodable() -> None:
    """Let standard output and standard error print `?` for a character that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def json_text(document: object, indent: int | None = None) -> str:
    """The document as JSON, which escapes non-ASCII characters if standard output cannot encode all of them."""
    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-").startswith("utf-")
    separators = (",", ":") if indent is None else None
    return json.dumps(document, indent=indent, separators=separators, ensure_ascii=not unicode)


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
