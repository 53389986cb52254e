"""What an exception that nobody expected is to a user: one line that says where, and shows no secret."""

from __future__ import annotations

import os
import traceback

from gpufleet_provider.model.errors import CloudError, redacted


def one_line(error: BaseException) -> str:
    """Return an error as one line: its own words if it has them for users, else that and where it is our fault."""
    if isinstance(error, CloudError):
        return " ".join(str(error).split())
    words = redacted(str(error))
    return (
        f"unexpected {type(error).__name__}{f': {words}' if words else ''} (at {_where(error)}); this is a fault of "
        "pulumi-gpufleet: please report it with this line"
    )


def _where(error: BaseException) -> str:
    """Name the last three calls, as `operations.py:80 < dynamic.py:121`: enough for a report, and no values in it."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames[-3:])) or "?"
