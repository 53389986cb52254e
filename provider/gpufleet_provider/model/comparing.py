"""Compares declared inputs by meaning, judges what each change does, and corrects inputs by what a reply shows.

Inputs are compared with inputs, never with what a server filled in: null as absent, a list whose order means nothing
by its keys, and a text by the mark that its field has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import BaseModel

from gpufleet_provider.model.fields import (
    ComparedBy,
    CreateOnly,
    Default,
    GrowOnly,
    KeyedBy,
    Local,
    MatchedBy,
    Properties,
    Refused,
    Required,
    Secret,
    WhenRemoved,
    mark,
    nested_bodies,
)
from gpufleet_provider.model.lifecycle import Action, Effect, Lifecycle


@dataclass(frozen=True)
class Difference:
    """One value that differs, at its property path."""

    path: str
    kind: Literal["add", "delete", "update"]
    old: Any = None
    new: Any = None
    hidden: bool = False
    """Whether the values are a credential."""

    def message(self) -> str:
        """Return what runs (the old value) and what is declared (the new one); containers may hold a credential."""
        if self.hidden or isinstance(self.old, (dict, list)) or isinstance(self.new, (dict, list)):
            return f"{self.path} is not what is declared"
        return f"{self.path} is {_shown(self.old)}, declared {_shown(self.new)}"


def _shown(value: Any) -> str:
    return "not set" if value is None else repr(value)


@dataclass(frozen=True)
class Verdict:
    """One changed input: where it differs, and what the change does."""

    field: str
    differences: tuple[Difference, ...]
    effect: Effect

    @property
    def action(self) -> Action:
        """What the change does."""
        return self.effect.action

    @property
    def reason(self) -> str:
        """Why, for the user."""
        return self.effect.reason


def differences(body: type[BaseModel], old: Properties, new: Properties) -> dict[str, tuple[Difference, ...]]:
    """Return, per changed input, the paths at which it differs; hidden and undeclared names never do."""
    changed = {
        name: tuple(_field_differences(body, name, name, old.get(name), new.get(name))) for name in body.model_fields
    }
    return {name: where for name, where in changed.items() if where}


def _field_differences(
    body: type[BaseModel], name: str, path: str, old: Any, new: Any, hidden: bool = False
) -> Iterator[Difference]:
    """Walk one field of a body in both versions; null and absent are the same."""
    inner = nested_bodies(body).get(name)
    hidden = hidden or mark(body, name, Secret) is not None
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        keyed = mark(body, name, KeyedBy)
        pairs = _pairs(cast("Sequence[Any]", old), cast("Sequence[Any]", new), keyed.key if keyed else None)
        for index, before, after in pairs:
            yield from _value_differences(inner, f"{path}[{index}]", before, after, hidden)
    elif not _same_text(body, name, old, new):
        yield from _value_differences(inner, path, old, new, hidden)


def _value_differences(
    inner: type[BaseModel] | None, path: str, old: Any, new: Any, hidden: bool
) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        before, after = cast(Properties, old), cast(Properties, new)
        for key in {**before, **after}:
            at = f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key)}]"
            body = inner or BaseModel
            was, now = _or_default(body, key, before.get(key)), _or_default(body, key, after.get(key))
            yield from _field_differences(body, key, at, was, now, hidden)
    elif old != new:
        yield Difference(path, "add" if old is None else "delete" if new is None else "update", old, new, hidden)


def _or_default(body: type[BaseModel], name: str, value: Any) -> Any:
    default = mark(body, name, Default) if value is None else None
    return value if default is None else default.value


def _pairs(old: Sequence[Any], new: Sequence[Any], key: str | None) -> Iterator[tuple[int, Any, Any]]:
    """Pair the entries of two lists, by key where that tells them apart, else by place; with the index to show."""
    before, after = _by_key(old, key), _by_key(new, key)
    if before is None or after is None:
        for index in range(max(len(old), len(new))):
            yield index, old[index] if index < len(old) else None, new[index] if index < len(new) else None
        return
    for name, (index, entry) in after.items():
        yield index, before[name][1] if name in before else None, entry
    for name, (index, entry) in before.items():
        if name not in after:
            yield index, entry, None


def _by_key(entries: Sequence[Any], key: str | None) -> dict[Any, tuple[int, Any]] | None:
    if key is None:
        return None
    keyed: dict[Any, tuple[int, Any]] = {}
    for index, entry in enumerate(entries):
        name = cast(Properties, entry).get(key) if isinstance(entry, dict) else None
        if not isinstance(name, str) or name in keyed:
            return None
        keyed[name] = index, entry
    return keyed


def _same_text(body: type[BaseModel], name: str, old: Any, new: Any) -> bool:
    compared = mark(body, name, ComparedBy)
    if compared is None or not isinstance(old, str) or not isinstance(new, str):
        return False
    try:
        return compared.normalise(old) == compared.normalise(new)
    except ValueError:
        return False


def verdicts(lifecycle: Lifecycle[Any], old: Properties, new: Properties) -> list[Verdict]:
    """Return what each changed input does."""
    found: list[Verdict] = []
    for name, where in differences(lifecycle.create_body, old, new).items():
        if mark(lifecycle.create_body, name, Local) is None:
            effect = lifecycle.effect(name, old, new) or _marked_effect(lifecycle, name, old.get(name), new.get(name))
            if effect.action == "replace":
                effect = Effect("replace", effect.reason + lifecycle.replacement_loss(old))
            found.append(Verdict(name, where, effect))
    return found


def _marked_effect(lifecycle: Lifecycle[Any], name: str, old: Any, new: Any) -> Effect:
    """Judge a change by the marks of its input and by whether the update body has it."""
    body = lifecycle.create_body
    if (create_only := mark(body, name, CreateOnly)) is not None:
        return Effect("ignore", create_only.reason)
    if (refused := mark(body, name, Refused)) is not None:
        return Effect("refuse", refused.advice)
    grows = mark(body, name, GrowOnly)
    if grows is not None and (new is None or _is_smaller(new, old)):
        return Effect("refuse", grows.advice)
    if name not in lifecycle.update_body.model_fields:
        return Effect("replace", f"{name} cannot change in place")
    if new is None and (required := mark(body, name, Required)) is not None:
        return Effect("refuse", required.advice)
    return Effect("update", "changes in place")


def _is_smaller(new: Any, old: Any) -> bool:
    return isinstance(new, (int, float)) and isinstance(old, (int, float)) and new < old


def changes(lifecycle: Lifecycle[Any], old: Properties, new: Properties) -> Properties:
    """Return what an update sends: every input that changes in place, and what stands for one that was removed."""
    body = lifecycle.create_body
    sent: Properties = {}
    for verdict in verdicts(lifecycle, old, new):
        if verdict.action == "update":
            value = new.get(verdict.field)
            removed = mark(body, verdict.field, WhenRemoved)
            sent[verdict.field] = removed.value if value is None and removed is not None else value
    return lifecycle.update_payload(sent, new, old) if sent else {}


def corrected(body: type[BaseModel], prior: Properties, observed: Properties) -> Properties:
    """Return the prior inputs with drift written in: only inputs that were set and that the cloud shows may change."""
    result = dict(prior)
    for name, value in prior.items():
        if name in observed and name in body.model_fields and value is not None:
            result[name] = _corrected_value(body, name, value, observed[name])
    return {name: value for name, value in result.items() if value is not None}


def _matches(body: type[BaseModel], name: str, declared: Any, shown: Any) -> bool:
    """Return whether what is shown is what is declared, though a change from one to the other would be an edit."""
    matched = mark(body, name, MatchedBy)
    texts = isinstance(declared, str) and isinstance(shown, str)
    return matched is not None and texts and matched.matches(declared, shown)


def _corrected_value(body: type[BaseModel], name: str, prior: Any, observed: Any) -> Any:
    if not any(_field_differences(body, name, name, prior, observed)) or _matches(body, name, prior, observed):
        return prior
    inner = nested_bodies(body)[name]
    if inner is not None and isinstance(prior, dict) and isinstance(observed, dict):
        return corrected(inner, cast(Properties, prior), cast(Properties, observed))
    keyed = mark(body, name, KeyedBy)
    if inner is not None and keyed is not None and isinstance(prior, list) and isinstance(observed, list):
        declared = _by_key(cast("list[Any]", prior), keyed.key)
        shown = _by_key(cast("list[Any]", observed), keyed.key)
        if declared is not None and shown is not None:
            return [corrected(inner, entry, shown[key][1]) for key, (_, entry) in declared.items() if key in shown]
    return cast(Any, observed)
