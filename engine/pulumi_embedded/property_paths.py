"""Property paths of resource options and config keys: `tags.owner`, `nodes[0].name`, `tags["a b"]`, `x[*]`."""

import enum
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from pulumi_embedded.values import Properties, PropertyValue, Secret

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices; the key `*` stands for every key or index."""

WILDCARD: Final = "*"
_PART = re.compile(r"""\.?(?:\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]"]+))""")


class MalformedPath(ValueError):
    """The text is not a property path."""


class _Missing(enum.Enum):
    MISSING = 0


_MISSING: Final = _Missing.MISSING
_Slot: TypeAlias = PropertyValue | _Missing


class _OneSideOnly(Exception):
    """A container on the path exists in only one of the two values."""


def parse(text: str) -> Path:
    """Parse a property path. Raises `MalformedPath`."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise MalformedPath(f"{text!r} is not a property path")
        quoted, index, key = match.groups()
        if quoted is not None:
            parts.append(re.sub(r"\\(.)", r"\1", quoted))
        elif index is not None and index != WILDCARD:
            parts.append(int(index))
        else:
            parts.append(key or WILDCARD)
        position = match.end()
    return tuple(parts)


def contains(path: Path, other: Path) -> bool:
    """Whether `other` is `path` or lies inside it."""
    return len(path) <= len(other) and all(a in (WILDCARD, b) for a, b in zip(path, other, strict=False))


def keep_old(paths: Sequence[str], old: Properties, new: Properties) -> tuple[Properties, list[str]]:
    """The new properties with the old values at these paths, and those of the paths that are invalid.

    A path is invalid if a container on it was added or removed, or if it cannot be parsed.
    """
    result: PropertyValue = new
    invalid: list[str] = []
    for text in paths:
        try:
            kept = _keep(parse(text), old, result)
        except (_OneSideOnly, MalformedPath):
            invalid.append(text)
        else:
            result = {} if kept is _MISSING else kept
    return (result if isinstance(result, dict) else new), invalid


def _keep(path: Path, old: _Slot, new: _Slot) -> _Slot:
    if not path:
        return old
    if isinstance(new, Secret):
        inner = _keep(path, old.element if isinstance(old, Secret) else old, new.element)
        return inner if inner is _MISSING else Secret(inner)
    if isinstance(old, Secret):
        old = old.element
    head, rest = path[0], path[1:]
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new}) if head == WILDCARD else [str(head)]
        merged = dict(new)
        for key in keys:
            value = _keep(rest, old.get(key, _MISSING), new.get(key, _MISSING))
            if value is _MISSING:
                merged.pop(key, None)
            else:
                merged[key] = value
        return merged
    if isinstance(old, list) and isinstance(new, list):
        return _keep_item(head, rest, old, new)
    if old is _MISSING and new is _MISSING:
        return _MISSING
    raise _OneSideOnly


def _keep_item(head: str | int, rest: Path, old: list[PropertyValue], new: list[PropertyValue]) -> list[PropertyValue]:
    if head == WILDCARD and len(old) != len(new):
        raise _OneSideOnly
    merged = list(new)
    for index in range(len(new)) if head == WILDCARD else [head]:
        if not isinstance(index, int) or index >= len(old) or index >= len(new):
            raise _OneSideOnly
        value = _keep(rest, old[index], new[index])
        merged[index] = None if value is _MISSING else value
    return merged
