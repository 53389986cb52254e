"""A stack's history as text."""

from __future__ import annotations

import time
from typing import Any, Final

from pulumi_embedded.display.labels import duration_text

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNITS: Final = (
    (365 * _DAY, "year"),
    (30 * _DAY, "month"),
    (7 * _DAY, "week"),
    (_DAY, "day"),
    (_HOUR, "hour"),
    (_MINUTE, "minute"),
    (1, "second"),
)


def update_lines(update: dict[str, Any], now: float, *, full_dates: bool) -> list[str]:
    """The lines about one entry of the history, as the CLI writes them; `now` is in Unix seconds."""
    counts: dict[str, int] = update.get("resourceChanges") or {}
    changes = "".join(f"{sign}{counts.get(op, 0)}" for sign, op in (("+", "create"), ("-", "delete"), ("~", "update")))
    start, end = int(update["startTime"]), int(update["endTime"])
    when = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(start)) if full_dates else ago(now - start)
    return [
        f"Version: {update.get('version', 0)}",
        f"UpdateKind: {update['kind']}",
        f"Status: {update['result']}",
        f"Message: {update.get('message') or ''}".rstrip(),
        f"{changes} {counts.get('same', 0)} Updated {when} took {duration_text(end - start)}",
    ]


def ago(seconds: float) -> str:
    """How long ago it was, to a person: `14 seconds ago`."""
    for length, unit in _UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count != 1)} ago"
    return "now"
