# ruff: noqa: D102 (the operations are documented in `provider_api.Provider`)
"""The package `pulumi`: stack references, stashes, and the functions that the SDK calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pulumi_embedded import urn as urns
from pulumi_embedded.errors import EngineError
from pulumi_embedded.providers.provider_api import Checked, CheckFailure, Created, Diff, Found, Invoked, ProviderError
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import Properties, equal, has_secrets

StackOutputs = Callable[[str], Properties]
"""The outputs of another stack, by its name as the program writes it. Raises `EngineError` if it does not exist."""

_STASH_TYPE = "pulumi:index:Stash"


@dataclass(slots=True)
class BuiltinProvider:
    """`provider_api.Provider` for the resources of the engine itself."""

    stack_outputs: StackOutputs
    find_state: Callable[[str], ResourceState | None]
    """The state of a resource that this deployment has registered or read."""

    async def check_config(self, urn: str, olds: Properties, news: Properties) -> Checked:
        return Checked(news)

    async def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, new_inputs: Properties
    ) -> Diff:
        return Diff("none")

    async def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        return None

    async def check(self, urn: str, olds: Properties, news: Properties, random_seed: bytes) -> Checked:
        required = _input_of(urn)
        failures = [CheckFailure(key, f'unknown property "{key}"') for key in news if key != required]
        if required not in news:
            failures.append(CheckFailure(required, f'missing required property "{required}"'))
        return Checked(news, failures)

    async def diff(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        new_inputs: Properties,
        ignore_changes: Sequence[str],
    ) -> Diff:
        key = _input_of(urn)
        if equal(old_inputs.get(key), new_inputs.get(key)):
            return Diff("none")
        return Diff("some", changed_keys=[key], replace_keys=[key] if key == "name" else [])

    async def create(self, urn: str, inputs: Properties, timeout_seconds: float, preview: bool) -> Created:
        id_ = "" if preview else str(uuid.uuid4())
        if urns.type_of(urn) == urns.STACK_REFERENCE_TYPE:
            return Created(id_, self._stack_reference(inputs))
        return Created(id_, {"input": inputs["input"], "output": inputs["input"]})

    async def read(
        self, urn: str, id_: str, inputs: Properties | None, state: Properties, timeout_seconds: float
    ) -> Found:
        if urns.type_of(urn) != urns.STACK_REFERENCE_TYPE:
            return Found(id_, state, inputs)
        if not inputs or "name" not in inputs:
            raise ProviderError("a stack reference cannot be imported")
        return Found(id_, self._stack_reference(inputs), inputs)

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
        return {"input": new_inputs["input"], "output": old_outputs.get("output")}

    async def delete(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout_seconds: float) -> None:
        return None

    async def invoke(self, token: str, args: Properties, preview: bool) -> Invoked:
        if token == "pulumi:pulumi:getResource":
            return Invoked(self._resource(str(args.get("urn"))))
        if token == "pulumi:pulumi:readStackOutputs":
            return Invoked(self._stack_reference(args))
        raise ProviderError(f"the function {token} is not supported by pulumi-embedded")

    async def cancel(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def _stack_reference(self, inputs: Properties) -> Properties:
        name = inputs.get("name")
        if not isinstance(name, str):
            raise ProviderError('the property "name" of a stack reference must be a string')
        try:
            outputs = self.stack_outputs(name)
        except EngineError as error:
            raise ProviderError(str(error)) from None
        secret_names = sorted(key for key, value in outputs.items() if has_secrets(value))
        return {"name": name, "outputs": outputs, "secretOutputNames": [*secret_names]}

    def _resource(self, urn: str) -> Properties:
        state = self.find_state(urn)
        if state is None:
            raise ProviderError(f"unknown resource {urn}")
        return {"urn": urn, "id": state.id, "provider": state.provider, "state": state.outputs}


def _input_of(urn: str) -> str:
    type_ = urns.type_of(urn)
    if type_ == urns.STACK_REFERENCE_TYPE:
        return "name"
    if type_ == _STASH_TYPE:
        return "input"
    raise ProviderError(f"the resource type {type_} is not supported by pulumi-embedded")
