"""Property paths of resource options and config keys: `tags.owner`, `nodes[0].name`, `tags["a b"]`, `x[*]`.

Which options take them:

- `ignore_changes`: `keep_old` puts the old values there before a resource is checked.
- `replace_on_changes`, `hide_diffs`: `matches` says whether a change is at or inside one of them.
- `additional_secret_outputs`: `outputs_named`; these are names of outputs and not paths, as in Pulumi.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pulumi_embedded.values import Properties, PropertyValue, Secret, secret

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices; the key `*` stands for every key or index."""

WILDCARD: Final = "*"
_PART = re.compile(r"""\.*(?:\["((?:\\"|[^"])*)"\]|\[(-?\d+|\*)\]|([^.\[]+))""")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_]+")


class MalformedPath(ValueError):
    """The text is not a property path."""


def parse(text: str) -> Path:
    """Parse a property path. Raises `MalformedPath`."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None or text.startswith("."):
            raise MalformedPath(f"{text!r} is not a property path")
        quoted, index, key = match.groups()
        if quoted is not None:
            parts.append(quoted.replace('\\"', '"'))
        elif index is not None and index != WILDCARD:
            parts.append(int(index))
        else:
            parts.append(key or WILDCARD)
        position = match.end()
    return tuple(parts)


def joined(prefix: str, key: str | int) -> str:
    """The path of an item at `prefix`, which is empty for a top-level property."""
    if isinstance(key, int):
        return f"{prefix}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        quoted = key.replace('"', '\\"')
        return f'{prefix}["{quoted}"]'
    return f"{prefix}.{key}" if prefix else key


def contains(path: Path, other: Path) -> bool:
    """Whether `other` is `path` or lies inside it."""
    return len(path) <= len(other) and all(a in (WILDCARD, b) for a, b in zip(path, other, strict=False))


def matches(paths: Sequence[Path], text: str) -> bool:
    """Whether the path `text`, or the key that is no path, is one of `paths` or lies inside one."""
    try:
        path = parse(text)
    except MalformedPath:
        path = (text,)
    return any(contains(wanted, path) for wanted in paths)


def outputs_named(names: Iterable[str], outputs: Properties) -> set[str]:
    """Those of the names that are outputs, and may be secret: the id never is."""
    return {name for name in names if name in outputs and name != "id"}


# --- ignore_changes ---------------------------------------------------------------------------------------------------


def keep_old(paths: Sequence[str], old: Properties, new: Properties) -> tuple[Properties, list[str]]:
    """The new properties with the old values at these paths, and those of the paths that could not be followed.

    That is a path which cannot be parsed, or on which an object or an element of a list was added or removed: those are
    not undone. The elements that both lists have keep their old values nevertheless.
    """
    result: PropertyValue = new
    invalid: list[str] = []
    for text in paths:
        reset = _Reset()
        try:
            result = reset.at(parse(text), old, result)
        except MalformedPath:
            reset.failed = True
        if reset.failed:
            invalid.append(text)
    return (result if isinstance(result, dict) else new), invalid


@dataclass(slots=True)
class _Reset:
    """Puts old values into new ones along one path."""

    failed: bool = False
    """Whether the path could not be followed to its end."""
    old_is_secret: bool = False
    new_is_secret: bool = False
    """Whether the path has led into a secret: an old value that comes out of one stays secret."""

    def at(self, path: Path, old: PropertyValue, new: PropertyValue) -> PropertyValue:
        """The new value with the old one at the path."""
        if not path:
            self.failed = True
            return new
        context = self.old_is_secret, self.new_is_secret
        try:
            if isinstance(old, Secret):
                self.old_is_secret, old = True, old.element
            if isinstance(new, Secret):
                self.new_is_secret = True
                return Secret(self.at(path, old, new.element))
            head, rest = path[0], path[1:]
            if isinstance(head, int):
                return self._index(head, rest, old, new)
            if head == WILDCARD:
                return self._wildcard(rest, old, new)
            return self._key(head, rest, old, new)
        finally:
            self.old_is_secret, self.new_is_secret = context

    def _inside(self, rest: Path, old: PropertyValue, new: PropertyValue) -> PropertyValue:
        if rest:
            return self.at(rest, old, new)
        return secret(old) if self.old_is_secret and not self.new_is_secret else old

    def _key(self, key: str, rest: Path, old: PropertyValue, new: PropertyValue) -> PropertyValue:
        olds = old if isinstance(old, dict) else {}
        if not isinstance(new, dict):
            self.failed |= key in olds if not rest else isinstance(old, dict)
            return new
        if not rest and key not in olds:
            return {other: value for other, value in new.items() if other != key}
        if rest and not isinstance(old, dict):
            self.failed = True
            return new
        if rest and key not in new:
            self.failed |= key in olds
            return new
        return {**new, key: self._inside(rest, olds.get(key), new.get(key))}

    def _index(self, index: int, rest: Path, old: PropertyValue, new: PropertyValue) -> PropertyValue:
        if not isinstance(old, list) or not isinstance(new, list):
            self.failed |= index < 0 or isinstance(old, list) or isinstance(new, list)
            return new
        if not 0 <= index < min(len(old), len(new)):
            # An element that neither list has is the same in both.
            self.failed |= bool(rest) or not index >= max(len(old), len(new))
            return new
        return [*new[:index], self._inside(rest, old[index], new[index]), *new[index + 1 :]]

    def _wildcard(self, rest: Path, old: PropertyValue, new: PropertyValue) -> PropertyValue:
        if isinstance(new, dict) and isinstance(old, dict):
            if not rest:
                return {key: self._inside(rest, value, None) for key, value in old.items()}
            self.failed |= not old.keys() <= new.keys()
            return {key: self.at(rest, old[key], value) if key in old else value for key, value in new.items()}
        if isinstance(new, list) and isinstance(old, list):
            self.failed |= len(old) != len(new)
            common = [self._inside(rest, before, now) for before, now in zip(old, new, strict=False)]
            return [*common, *new[len(common) :]]
        self.failed |= bool(rest) or not isinstance(new, dict | list)
        return new
