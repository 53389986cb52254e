"""Check: returns every reason why inputs are refused, at its property path; unknown values are left out of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gpufleet_provider.model.comparing import differences, verdicts
from gpufleet_provider.model.fields import Failure, Properties, Rule, Secret, Suggested, mark, nested_bodies
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.names import made_name
from gpufleet_provider.model.state_properties import ENDED

Location = tuple[str | int, ...]


@dataclass
class Checked:
    """The outcome of a check: the inputs to use, the failures, and the warnings."""

    inputs: Properties
    failures: list[Failure] = field(default_factory=list[Failure])
    warnings: list[Failure] = field(default_factory=list[Failure])


def check(lifecycle: Lifecycle[Any], olds: Properties, news: Properties, is_unknown: Callable[[Any], bool]) -> Checked:
    """Validate inputs by the create body, the rules across fields and the existing resource; never raises.

    `olds` are the old inputs (empty before a create and for the inputs of a replacement). Returned inputs have whole
    numbers as integers and no nulls; nothing is filled in but the physical name.
    """
    body = lifecycle.create_body
    hidden = {name: value for name, value in news.items() if name.startswith("__")}
    values = normalised({name: value for name, value in news.items() if not name.startswith("__")})
    name = lifecycle.name_field
    if values.get(name) is None:
        kept = olds[name] if name in olds else made_name(hidden, is_unknown)
        if kept is not None:
            values[name] = kept
    unknown = tuple(_unknown_locations(values, is_unknown))
    failures = [Failure(_path(location), message) for location, message in _body_errors(body, values, unknown)]
    refused = tuple(failure.path for failure in failures)
    set_aside = (*refused, *(_path(location) for location in unknown))
    for rule in lifecycle.rules:
        failures += _rule_failures(rule, values, set_aside)
    checked = Checked({**values, **hidden}, failures)
    checked.warnings += _unknown_values(body, values, "", is_unknown)
    if olds and not failures:
        _check_living(lifecycle, olds, values, set_aside, checked)
    return checked


def _check_living(
    lifecycle: Lifecycle[Any], olds: Properties, values: Properties, set_aside: tuple[str, ...], checked: Checked
) -> None:
    if ENDED in olds:
        if not set(differences(lifecycle.create_body, olds, values)).intersection(lifecycle.term_fields):
            checked.failures.append(Failure(lifecycle.term_fields[0], ended_message(lifecycle, olds[ENDED])))
        return
    for verdict in verdicts(lifecycle, olds, values):
        if any(_touches(verdict.field, path) for path in set_aside):
            continue
        # What was added may say what runs already: the diff knows that, and refuses the rest.
        if verdict.action == "refuse" and olds.get(verdict.field) is not None:
            checked.failures.append(Failure(verdict.differences[0].path, verdict.reason))
        elif verdict.action == "ignore":
            checked.warnings.append(Failure(verdict.field, verdict.reason))


def lost_term(lifecycle: Lifecycle[Any], inputs: Properties, outputs: Properties) -> str | None:
    """Return what became of the term of a prepaid resource that is gone; None if it was not prepaid."""
    when = lifecycle.ended(inputs, outputs)
    if when is not None:
        return f"the prepaid term ended at {when} and the cloud took the resource down"
    left = lifecycle.forfeits(inputs, outputs)
    return f"the cloud no longer has the resource, and with it went {left}" if left is not None else None


def ended_message(lifecycle: Lifecycle[Any], became: str) -> str:
    """Return what became of a prepaid term, and what the user can do, as one message."""
    terms = ", ".join(lifecycle.term_fields)
    return f"{became}; it is not bought again automatically: remove it from the program, or set a new term ({terms})"


def normalised(value: Any) -> Any:
    """Return values as the program had them: whole numbers, which Pulumi carries as floats, as integers; no nulls."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        entries = cast(Properties, value)
        return {key: normalised(entry) for key, entry in entries.items() if entry is not None}
    if isinstance(value, (list, tuple)):
        return [normalised(entry) for entry in cast("Sequence[Any]", value)]
    return value


def is_in_part_unknown(value: Any, is_unknown: Callable[[Any], bool]) -> bool:
    """Return whether a value, or something in it, is not known before the run."""
    return any(True for _ in _unknown_locations(value, is_unknown))


def _unknown_locations(value: Any, is_unknown: Callable[[Any], bool], at: Location = ()) -> Iterable[Location]:
    if is_unknown(value):
        yield at
    elif isinstance(value, dict):
        for key, entry in cast(Properties, value).items():
            yield from _unknown_locations(entry, is_unknown, (*at, key))
    elif isinstance(value, list):
        for index, entry in enumerate(cast("list[Any]", value)):
            yield from _unknown_locations(entry, is_unknown, (*at, index))


def _path(location: Location) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _touches(one: str, other: str) -> bool:
    """Return whether one property path is the other, or leads to it."""
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))


# --- One body -------------------------------------------------------------------------------------------------------


def _body_errors(
    body: type[BaseModel], values: Properties, unknown: tuple[Location, ...]
) -> Iterable[tuple[Location, str]]:
    try:
        body.model_validate(values)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            location = error["loc"]
            if not any(location[: len(where)] == where for where in unknown):
                yield location, _message(body, error)


_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


def _message(body: type[BaseModel], error: ErrorDetails) -> str:
    kind, got, context = error["type"], error.get("input"), error.get("ctx", {})
    secret = _is_secret(body, error["loc"])
    shown = "a value that is not shown" if secret else _shown(got)
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return f"unknown property{_suggestion(body, error['loc'])}"
    if kind in _KINDS:
        advice = "; Config.require_int reads a number from the stack config" if _KINDS[kind] == "a whole number" else ""
        return f"expected {_KINDS[kind]}, got {shown}{advice if isinstance(got, str) else ''}"
    if kind == "literal_error":
        return f"must be {context.get('expected', '')}, got {shown}"
    if kind == "multiple_of":
        return f"must be a multiple of {context['multiple_of']}, got {shown}"
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        return f"must be {word} {context[bound]}, got {shown}"
    if kind == "string_too_short":
        return "must not be empty"
    if secret:
        return f"is not accepted ({kind})"
    return re.sub(r"^Value error, ", "", error["msg"])


def _shown(value: Any) -> str:
    """Return what the user wrote, short; a container is named rather than shown, since it may hold a secret."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'}{' (a string)' if isinstance(value, str) else ''}"


def _suggestion(body: type[BaseModel], location: Location) -> str:
    owner = _owner(body, location)
    known = list(owner.model_fields) if owner is not None else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"


def _is_secret(body: type[BaseModel], location: Location) -> bool:
    """Return whether a location is a credential or lies within one."""
    for depth, name in enumerate(location, start=1):
        owner = _owner(body, location[:depth])
        if isinstance(name, str) and owner is not None and mark(owner, name, Secret) is not None:
            return True
    return False


def _owner(body: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """Return the body that declares, or should, the field at a location."""
    owner: type[BaseModel] | None = body
    for part in location[:-1]:
        if isinstance(part, str) and owner is not None and part in owner.model_fields:
            owner = nested_bodies(owner)[part]
    return owner


# --- Across fields --------------------------------------------------------------------------------------------------


def _rule_failures(rule: Rule, values: Properties, set_aside: tuple[str, ...]) -> Iterable[Failure]:
    if any(_touches(path, name) for name in rule.fields for path in set_aside):
        return ()
    return rule.judge(*(_value_at(values, name) for name in rule.fields))


def _value_at(values: Properties, dotted: str) -> Any:
    found: Any = values
    for part in dotted.split("."):
        found = cast(Properties, found).get(part) if isinstance(found, dict) else None
    return found


def _unknown_values(
    body: type[BaseModel], values: Properties, at: str, is_unknown: Callable[[Any], bool]
) -> Iterable[Failure]:
    """Return a warning for each value that an open enumeration does not list: vendors add to them every few weeks."""
    for name, value in values.items():
        if name not in body.model_fields or is_unknown(value):
            continue
        suggested = mark(body, name, Suggested)
        if suggested is not None and isinstance(value, str) and value not in suggested.values:
            close = difflib.get_close_matches(value, suggested.values, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            yield Failure(
                f"{at}{name}", f"{value!r} is not a value known to this version and is passed on as it is{hint}"
            )
        inner = nested_bodies(body)[name]
        entries = cast("list[Any]", value) if isinstance(value, list) else [value]
        for index, entry in enumerate(entries):
            if inner is not None and isinstance(entry, dict):
                where = f"{at}{name}[{index}]." if isinstance(value, list) else f"{at}{name}."
                yield from _unknown_values(inner, cast(Properties, entry), where, is_unknown)
