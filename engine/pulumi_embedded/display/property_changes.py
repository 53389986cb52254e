"""The changes between two property maps, path by path, as text."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pulumi_embedded.property_paths import MalformedPath, Path, joined, matches, parse
from pulumi_embedded.values import (
    OutputValue,
    Properties,
    PropertyValue,
    ResourceReference,
    Secret,
    Unknown,
    equal,
    lower,
    to_checkpoint_json,
)

if TYPE_CHECKING:
    from pulumi_embedded.steps.steps import Step

_SERIALIZED: Final = "__provider"
"""A pickled dynamic provider: its content is not shown, only that it changed."""
_LONGEST: Final = 120
_SIGNS: Final = {"add": "+", "delete": "-", "update": "~"}


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One path whose value was added, deleted or updated."""

    path: str
    kind: Literal["add", "delete", "update", "hide"]
    old: PropertyValue = None
    new: PropertyValue = None

    def text(self) -> str:
        """`~ size: 8 => 16`; secrets are `[secret]`."""
        if self.kind == "hide":
            return f"~ {self.path} (hidden)"
        sign = _SIGNS[self.kind]
        if self.path == _SERIALIZED:
            return f"{sign} {self.path}: [changed]"
        if self.kind == "add":
            return f"{sign} {self.path}: {shown(self.new)}"
        if self.kind == "delete":
            return f"{sign} {self.path}: {shown(self.old)}"
        return f"{sign} {self.path}: {shown(self.old)} => {shown(self.new)}"


def changes(old: Properties, new: Properties, prefix: str = "") -> Iterator[PropertyChange]:
    """Every change between two maps, sorted by path; unknown values count as changed."""
    for key in sorted({*old, *new}):
        path = joined(prefix, key)
        if key not in old:
            yield PropertyChange(path, "add", new=new[key])
        elif key not in new:
            yield PropertyChange(path, "delete", old=old[key])
        else:
            yield from _value_changes(old[key], new[key], path)


def _value_changes(old: PropertyValue, new: PropertyValue, path: str) -> Iterator[PropertyChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from changes(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            item = joined(path, index)
            if index >= len(old):
                yield PropertyChange(item, "add", new=new[index])
            elif index >= len(new):
                yield PropertyChange(item, "delete", old=old[index])
            else:
                yield from _value_changes(old[index], new[index], item)
    elif not equal(old, new):
        yield PropertyChange(path, "update", old, new)


def shown(value: PropertyValue, longest: int | None = _LONGEST) -> str:
    """A value in one line, cut to `longest` characters; secrets are `[secret]`."""
    if isinstance(value, OutputValue):
        value = lower(value)
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Unknown):
        return "[unknown]"
    if isinstance(value, ResourceReference):
        return value.urn
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{key}: {shown(item, longest)}" for key, item in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(shown(item, longest) for item in value) + "]"
    else:
        text = json.dumps(to_checkpoint_json(value, None), ensure_ascii=False)
    return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"


def step_changes(step: Step) -> list[PropertyChange]:
    """The changes of a step: of the inputs, or, for a refresh, of the outputs; first those that `hide_diffs` hides."""
    found = _step_changes(step)
    hiding: dict[str, list[Path]] = {}
    for text in sorted(step.resource.hide_diff) if step.old is not None else ():
        with contextlib.suppress(MalformedPath):
            hiding[text] = [parse(text)]
    hidden = [text for text, path in hiding.items() if any(matches(path, change.path) for change in found)]
    shown_ones = [change for change in found if not any(matches(path, change.path) for path in hiding.values())]
    return [PropertyChange(text, "hide") for text in hidden] + shown_ones


def _step_changes(step: Step) -> list[PropertyChange]:
    old, new = step.old, step.new
    if new is None:
        return []
    if old is None:
        return list(changes({}, {key: value for key, value in new.inputs.items() if key != _SERIALIZED}))
    if step.op == "refresh":
        return list(changes(old.outputs, new.outputs))
    return list(changes(old.inputs, new.inputs))


def keys_of(step: Step) -> str:
    """The top-level properties that a step changes, each with a sign: `~size,+tags`."""
    signs: dict[str, str] = {}
    for change in step_changes(step):
        if change.kind == "hide":
            continue
        key = change.path.split(".")[0].split("[")[0]
        signs[key] = "~" if key in signs or key != change.path else _SIGNS[change.kind]
    return ",".join(sign + key for key, sign in signs.items())
