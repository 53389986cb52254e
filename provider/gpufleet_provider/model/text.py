"""Text that was written elsewhere, made fit for a terminal: cut first, on one line, without control characters.

Escape sequences would move the cursor, recolour or retitle a user's terminal; marks that turn the direction of writing
would make a line read as another one.
"""

from __future__ import annotations

import re
from typing import Any, cast

LONGEST_LINE = 8_192
"""Characters of one text that are looked at and shown at most."""

# C0 without tab and line ends, DEL, C1, and what turns the direction of writing.
_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_CONTROLS = re.compile(f"[{_CONTROL}]")
_CONTROLS_OF_JSON = re.compile(
    rb"\\[bf]|\\u(?:00[0189]|007f|20[26]|d[89a-f])|[\x00\x7f]|\xc2[\x80-\x9f]|\xe2(?:\x80[\xaa-\xae]|\x81[\xa6-\xa9])"
    rb"|\xed[\xa0-\xbf]",
    re.IGNORECASE,
)
"""Whatever `without_controls` might replace in a decoded JSON document; also finds `\\u000a`, which it leaves."""


def without_controls(text: str) -> str:
    """Return text with `?` for every control character but tabs and line ends, and for half of a surrogate pair."""
    return _CONTROLS.sub("?", text.encode("utf-8", "replace").decode())


def one_line(text: str) -> str:
    """Return text as one line of at most `LONGEST_LINE` characters, without control characters."""
    cut = text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
    return without_controls(" ".join(cut.split()))


def may_hold_controls(document: bytes) -> bool:
    """Say whether some string of a JSON document may have to go through `without_controls`; wrongly yes at worst."""
    return _CONTROLS_OF_JSON.search(document) is not None


def fold_controls(value: Any) -> Any:
    """Return decoded JSON with `without_controls` applied to every string in it, keys included."""
    if isinstance(value, str):
        return without_controls(value)
    if isinstance(value, list):
        return [fold_controls(entry) for entry in cast("list[Any]", value)]
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {without_controls(key): fold_controls(entry) for key, entry in entries.items()}
    return value
