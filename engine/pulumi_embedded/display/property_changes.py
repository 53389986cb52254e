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
    plain,
    to_checkpoint_json,
)

if TYPE_CHECKING:
    from pulumi_embedded.steps.steps import Step

_HIDDEN: Final = "__"
"""Properties whose names begin so are between a provider and the engine; they are not shown."""
_SERIALIZED: Final = "__provider"
_LONGEST: Final = 120
_OPTIONS: Final = ("provider", "protect", "taint")
"""Resource options whose changes are shown as those of properties are."""
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
        if self.kind == "add":
            return f"{sign} {self.path}: {shown(self.new)}"
        if self.kind == "delete":
            return f"{sign} {self.path}: {shown(self.old)}"
        return f"{sign} {self.path}: {shown(self.old)} => {shown(self.new)}"


def changes(old: Properties, new: Properties, prefix: str = "") -> Iterator[PropertyChange]:
    """Every change between two maps, sorted by path; unknown values count as changed, hidden properties do not."""
    for key in sorted(key for key in {*old, *new} if not is_hidden(key)):
        path = joined(prefix, key)
        if key not in old:
            yield PropertyChange(path, "add", new=new[key])
        elif key not in new:
            yield PropertyChange(path, "delete", old=old[key])
        else:
            yield from _value_changes(old[key], new[key], path)


def is_hidden(key: str) -> bool:
    """Whether the property is not shown to users."""
    return key.startswith(_HIDDEN)


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
        text = (
            "{" + ", ".join(f"{key}: {shown(item, longest)}" for key, item in value.items() if not is_hidden(key)) + "}"
        )
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
        return list(changes({}, new.inputs))
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


def reasons(step: Step) -> str:
    """The reason for a step: `[replaces: zone]` or `[diff: ~size]`; empty if there is none to show."""
    if keys := [key for key in step.keys if not is_hidden(key)]:
        return f"[replaces: {', '.join(keys)}]"
    options = ",".join(f"~{name}" for name in _OPTIONS if _differs(step, name))
    if step.op == "same" and options:
        return f"[diff: {options}]"
    if step.op in ("update", "refresh", "replace", "create-replacement") and step.resource.custom:
        if keys := ",".join(part for part in (keys_of(step), options) if part):
            return f"[diff: {keys}]"
        if step.op == "update" and _provider_changed(step):
            # Nothing else does: the serialized class of a dynamic provider differs.
            return "[the provider's code changed]"
    return "[retain]" if step.op == "delete" and step.resource.retain_on_delete else ""


def _provider_changed(step: Step) -> bool:
    old, new = step.old, step.new
    return old is not None and new is not None and old.inputs.get(_SERIALIZED) != new.inputs.get(_SERIALIZED)


def _differs(step: Step, option: str) -> bool:
    return step.old is not None and step.new is not None and getattr(step.old, option) != getattr(step.new, option)


def output_lines(old: Properties | None, new: Properties, *, all_: bool) -> list[str]:
    """Lines that list the outputs of the stack with the changes to them; secrets are `[secret]`.

    Without `all_`, only those that change; one that may change to a value that is not known yet is none of them. A
    stack that is created, which has no old outputs, has no changes, and all its outputs are listed.
    """
    all_, old = all_ or old is None, new if old is None else old
    signs = {change.path: change for change in _top_level_changes(old, new)}
    if not all_:
        signs = {
            key: change
            for key, change in signs.items()
            if change.kind != "update" or not isinstance(plain(change.new), Unknown)
        }
    keys = [key for key in sorted({*old, *new}) if not is_hidden(key) and (all_ or key in signs)]
    if not keys:
        return []
    width = max(len(key) for key in keys)
    lines = ["", "Outputs:"]
    for key in keys:
        change = signs.get(key)
        if change is None:
            lines.append(f"    {key:<{width}}: {shown(new[key], None)}")
            continue
        value = shown(change.old if change.kind == "delete" else change.new, None)
        before = f"{shown(change.old, None)} => " if change.kind == "update" else ""
        lines.append(f"  {_SIGNS[change.kind]} {key:<{width}}: {before}{value}")
    return lines


def _top_level_changes(old: Properties, new: Properties) -> Iterator[PropertyChange]:
    for key in {*old, *new}:
        if key not in old:
            yield PropertyChange(key, "add", new=new[key])
        elif key not in new:
            yield PropertyChange(key, "delete", old=old[key])
        elif not equal(old[key], new[key]):
            yield PropertyChange(key, "update", old[key], new[key])
