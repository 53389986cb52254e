"""What changed between declared inputs, by meaning; and what a refresh corrects. No Pulumi in here.

Inputs are compared with inputs, never with what a server filled in. Instants compare as instants, a list whose order
means nothing by its keys, null as absent.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import BaseModel

from gpufleet_provider.lifecycle import (
    CreateOnly,
    GrowOnly,
    IsInstant,
    KeyedBy,
    Lifecycle,
    Local,
    Properties,
    Refused,
    Required,
    WhenRemoved,
    mark,
    parse_instant,
)


@dataclass(frozen=True)
class Difference:
    """One value that differs, at its property path."""

    path: str
    kind: Literal["add", "delete", "update"]


@dataclass(frozen=True)
class Verdict:
    """What one changed input does: updates in place, replaces, is ignored with a warning, or is refused."""

    field: str
    action: Literal["update", "replace", "ignore", "refuse"]
    reason: str
    differences: tuple[Difference, ...]


def nested_body(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation (`Model | None`, `list[Model]`, `Annotated[...]`), or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list, typing.Annotated):
        for argument in typing.get_args(annotation):
            if (found := nested_body(argument)) is not None:
                return found
    return None


def canonical(body: type[BaseModel], values: Properties) -> Properties:
    """Bring inputs into a form in which equal means equal: no nulls, instants as instants, keyed lists as objects."""
    return {
        name: _canonical_value(body, name, value)
        for name, value in values.items()
        if value is not None and name[:2] != "__"
    }


def _canonical_value(body: type[BaseModel], name: str, value: Any) -> Any:
    field = body.model_fields.get(name)
    if field is None:
        return value
    if isinstance(value, str) and mark(body, name, IsInstant) is not None:
        try:
            return parse_instant(value)
        except ValueError:
            return value
    inner = nested_body(field.annotation)
    if inner is None:
        return value
    if isinstance(value, dict):
        return canonical(inner, cast(Properties, value))
    if isinstance(value, list):
        entries = [canonical(inner, cast(Properties, e)) for e in cast("list[Any]", value) if isinstance(e, dict)]
        keyed = mark(body, name, KeyedBy)
        if keyed is not None and len({str(entry.get(keyed.key)) for entry in entries}) == len(entries):
            return {str(entry.get(keyed.key)): entry for entry in entries}
        return entries
    return value


def differences(body: type[BaseModel], old: Properties, new: Properties) -> dict[str, tuple[Difference, ...]]:
    """Return, per changed input, the paths at which it differs."""
    left, right = canonical(body, old), canonical(body, new)
    changed: dict[str, tuple[Difference, ...]] = {}
    for name in body.model_fields:
        if left.get(name) != right.get(name):
            changed[name] = tuple(_walk(name, left.get(name), right.get(name)))
    return changed


def _walk(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        before, after = cast(Properties, old), cast(Properties, new)
        for key in {**before, **after}:
            if before.get(key) != after.get(key):
                yield from _walk(
                    f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]', before.get(key), after.get(key)
                )
    elif isinstance(old, list) and isinstance(new, list):
        before_list, after_list = cast("list[Any]", old), cast("list[Any]", new)
        for index in range(max(len(before_list), len(after_list))):
            one = before_list[index] if index < len(before_list) else None
            other = after_list[index] if index < len(after_list) else None
            if one != other:
                yield from _walk(f"{path}[{index}]", one, other)
    else:
        yield Difference(path, "add" if old is None else "delete" if new is None else "update")


def verdicts(lifecycle: Lifecycle[Any], old: Properties, new: Properties) -> list[Verdict]:
    """Say of every changed input what the change does; a refusal gives way when another change replaces anyway."""
    found: list[Verdict] = []
    for name, where in differences(lifecycle.create_body, old, new).items():
        if mark(lifecycle.create_body, name, Local) is None:
            action, reason = lifecycle.verdict(name, old, new) or _verdict(
                lifecycle, name, old.get(name), new.get(name)
            )
            found.append(Verdict(name, action, reason, where))
    if any(verdict.action == "replace" for verdict in found):
        return [verdict for verdict in found if verdict.action != "refuse"]
    return found


def _verdict(
    lifecycle: Lifecycle[Any], name: str, old: Any, new: Any
) -> tuple[Literal["update", "replace", "ignore", "refuse"], str]:
    body = lifecycle.create_body
    if (create_only := mark(body, name, CreateOnly)) is not None:
        return "ignore", create_only.reason
    if (refused := mark(body, name, Refused)) is not None:
        return "refuse", refused.advice
    grows = mark(body, name, GrowOnly)
    if grows is not None and (new is None or _is_smaller(new, old)):
        return "refuse", grows.advice
    if name not in lifecycle.update_body.model_fields:
        return "replace", f"{name} cannot change in place"
    if new is None and (required := mark(body, name, Required)) is not None:
        return "refuse", required.advice
    return "update", "changes in place"


def _is_smaller(new: Any, old: Any) -> bool:
    return isinstance(new, (int, float)) and isinstance(old, (int, float)) and new < old


def changes(lifecycle: Lifecycle[Any], old: Properties, new: Properties) -> Properties:
    """Return what an update must send: every input that changes in place, and what stands for one that was removed."""
    body = lifecycle.create_body
    sent: Properties = {}
    for verdict in verdicts(lifecycle, old, new):
        if verdict.action == "update":
            value = new.get(verdict.field)
            removed = mark(body, verdict.field, WhenRemoved)
            sent[verdict.field] = removed.value if value is None and removed is not None else value
    return lifecycle.adjust_changes(sent, new, old)


def corrected(body: type[BaseModel], prior: Properties, observed: Properties) -> Properties:
    """Return the prior inputs with drift written in: only inputs that were set and that the cloud shows may change."""
    result = dict(prior)
    for name, value in prior.items():
        if name in observed and name in body.model_fields and value is not None:
            result[name] = _corrected_value(body, name, value, observed[name])
    return {name: value for name, value in result.items() if value is not None}


def _corrected_value(body: type[BaseModel], name: str, prior: Any, observed: Any) -> Any:
    if _canonical_value(body, name, prior) == _canonical_value(body, name, observed):
        return prior
    inner = nested_body(body.model_fields[name].annotation)
    if inner is not None and isinstance(prior, dict) and isinstance(observed, dict):
        return corrected(inner, cast(Properties, prior), cast(Properties, observed))
    keyed = mark(body, name, KeyedBy)
    if inner is not None and keyed is not None and isinstance(prior, list) and isinstance(observed, list):
        shown = {entry.get(keyed.key): entry for entry in cast("list[Properties]", observed)}
        entries = cast("list[Properties]", prior)
        return [corrected(inner, e, shown[e.get(keyed.key)]) for e in entries if e.get(keyed.key) in shown]
    return observed
