# ruff: noqa: D102 (the operations are documented in `provider_api.Provider`)
"""The package `random` without its plugin binary: same inputs, outputs and state, so that either can continue.

Beside the outputs, the binary stores `__pulumi_raw_state_delta`, from which its bridge restores Terraform's state; it
is written here too. Seeded values are the same as the binary's; pet names are from another list of words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from pulumi_embedded import urn as urns
from pulumi_embedded.providers.provider_api import Checked, CheckFailure, Created, Diff, Found, Invoked, ProviderError
from pulumi_embedded.providers.random_resources.kinds import KINDS, CannotImport, Input, Kind
from pulumi_embedded.values import UNKNOWN, Properties, PropertyValue, Secret, equal, has_unknowns, plain

_RAW_STATE_DELTA: Final = "__pulumi_raw_state_delta"
_JSON_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "integer": int,
    "string": str,
    "boolean": bool,
    "map": dict,
    "list": list,
}


class RandomProvider:
    """`provider_api.Provider` for the package `random`. It has neither configuration nor state."""

    async def check_config(self, urn: str, olds: Properties, news: Properties) -> Checked:
        return Checked(news)

    async def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, new_inputs: Properties
    ) -> Diff:
        return Diff("none")

    async def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        return None

    async def check(self, urn: str, olds: Properties, news: Properties, random_seed: bytes) -> Checked:
        kind = _kind_of(urn)
        inputs: Properties = {key: news[key] for key in news if news[key] is not None and not key.startswith("__")}
        failures = [CheckFailure(key, "is not a property of this resource") for key in inputs if key not in kind.inputs]
        for key, declared in kind.inputs.items():
            if key not in inputs:
                if declared.required:
                    failures.append(CheckFailure(key, "is required"))
            elif reason := _problem(plain(inputs[key]), declared):
                failures.append(CheckFailure(key, reason))
        number, numeric = inputs.get("number"), inputs.get("numeric")
        if number is not None and numeric is not None and not equal(plain(number), plain(numeric)):
            failures.append(CheckFailure("number", "is the deprecated name of numeric, and must have the same value"))
        if not failures:
            complete = _complete(kind, {key: plain(value) for key, value in inputs.items()})
            failures = [CheckFailure(*problem) for problem in kind.problems(complete)]
        return Checked(inputs, failures)

    async def diff(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        new_inputs: Properties,
        ignore_changes: Sequence[str],
    ) -> Diff:
        kind = _kind_of(urn)
        old, new = (_complete(kind, {k: plain(v) for k, v in bag.items()}) for bag in (old_outputs, new_inputs))
        changed = sorted(key for key in kind.inputs if not equal(old.get(key), new.get(key)))
        # Keepers whose values are all null count as none: states of earlier providers contain them.
        kept = any(_has_values(bag.get("keepers")) for bag in (old, new))
        replaces = [key for key in changed if key != "keepers" or kept]
        return Diff("some" if changed else "none", replace_keys=replaces, changed_keys=changed)

    async def create(self, urn: str, inputs: Properties, timeout_seconds: float, preview: bool) -> Created:
        kind = _kind_of(urn)
        complete = _complete(kind, inputs)
        if preview:
            made: Properties = {key: UNKNOWN for key in kind.outputs}
            return Created("", complete | _marked(kind, made) | {"id": UNKNOWN})
        # Hashing a password is slow by design.
        id_, made = await asyncio.to_thread(kind.make, {key: plain(value) for key, value in complete.items()})
        return Created(id_, _state(kind, id_, complete, made))

    async def read(
        self, urn: str, id_: str, inputs: Properties | None, state: Properties, timeout_seconds: float
    ) -> Found:
        kind = _kind_of(urn)
        if state:
            return Found(id_, state, inputs)
        if kind.recreate is None:
            raise ProviderError(f"a {urns.type_of(urn).rpartition(':')[2]} cannot be imported")
        try:
            found, recreated, made = await asyncio.to_thread(kind.recreate, id_)
        except CannotImport as error:
            raise ProviderError(str(error)) from error
        return Found(found, _state(kind, found, _complete(kind, recreated), made), recreated)

    async def update(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        new_inputs: Properties,
        timeout_seconds: float,
        ignore_changes: Sequence[str],
        preview: bool,
    ) -> Properties:
        kind = _kind_of(urn)
        made = {key: plain(old_outputs[key]) for key in kind.outputs if key in old_outputs}
        return _state(kind, id_, _complete(kind, new_inputs), made)

    async def delete(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout_seconds: float) -> None:
        return None

    async def invoke(self, token: str, args: Properties, preview: bool) -> Invoked:
        raise ProviderError(f"the package random has no function {token!r}")

    async def cancel(self) -> None:
        return None

    async def close(self) -> None:
        return None


def _kind_of(urn: str) -> Kind:
    type_ = urns.type_of(urn)
    if type_ not in KINDS:
        raise ProviderError(
            f"{type_} is not built in; install the plugin with `pulumi plugin install resource random`, or put "
            "pulumi-resource-random on PATH"
        )
    return KINDS[type_]


def _problem(value: Any, declared: Input) -> str | None:
    if value is UNKNOWN:
        return None
    is_right = isinstance(value, _JSON_TYPES[declared.type]) and (declared.type == "boolean") == isinstance(value, bool)
    if not is_right:
        return f"must be a{'n' if declared.type == 'integer' else ''} {declared.type}"
    if declared.at_least is not None and value < declared.at_least:
        return f"must be at least {declared.at_least}, got {value}"
    return None


def _complete(kind: Kind, given: Properties) -> Properties:
    """The inputs among these properties, with defaults; `number` and `numeric` are two names of one input."""
    inputs = {key: given[key] for key in kind.inputs if given.get(key) is not None}
    for name, other in (("number", "numeric"), ("numeric", "number")):
        if name in kind.inputs and name not in inputs and other in inputs:
            inputs[name] = inputs[other]
    defaults = {key: declared.default for key, declared in kind.inputs.items() if declared.default is not None}
    return defaults | inputs


def _state(kind: Kind, id_: str, inputs: Properties, made: Properties) -> Properties:
    outputs: Properties = inputs | _marked(kind, made) | {"id": id_}
    return {_RAW_STATE_DELTA: {"obj": _raw_state_delta(kind, outputs)}, **outputs}


def _marked(kind: Kind, made: Properties) -> Properties:
    return {key: Secret(value) if key in kind.secret_outputs else value for key, value in made.items()}


def _raw_state_delta(kind: Kind, outputs: Properties) -> Properties:
    deltas: Properties = {}
    for key in (*kind.inputs, *kind.outputs):
        value = plain(outputs.get(key))
        if value is None:
            deltas[key] = Secret({"replace": {"raw": None}})
        elif isinstance(value, dict):
            deltas[key] = {"map": {}}
        elif isinstance(value, list):
            deltas[key] = {"arr": {}}
    delta: Properties = {"ps": deltas}
    if kind.terraform_names:
        delta["renamed"] = {**kind.terraform_names}
    return delta


def _has_values(keepers: PropertyValue) -> bool:
    if has_unknowns(keepers):
        return True
    return isinstance(keepers, dict) and any(value is not None for value in keepers.values())
