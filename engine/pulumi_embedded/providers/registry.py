# ruff: noqa: D102 (the operations are documented in `provider_api.Provider`)
"""Providers as resources: loads, configures and finds the provider of each reference.

`ProviderRegistry` is the provider of the resources of type `pulumi:providers:*`, so that the engine treats them as any
other resource.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from pulumi_embedded import urn as urns
from pulumi_embedded.providers.provider_api import (
    Checked,
    CheckFailure,
    Created,
    Diff,
    Found,
    Invoked,
    Provider,
    ProviderError,
)
from pulumi_embedded.values import UNKNOWN_STRING, Properties, equal, plain

if TYPE_CHECKING:
    from pulumi_embedded.providers.plugins import PluginHost
    from pulumi_embedded.storage.snapshot import ResourceState

_INTERNAL: Final = "__internal"
_VERSION: Final = "version"


class ProviderRegistry:
    """The providers of one deployment, by reference."""

    def __init__(self, host: PluginHost, states: Iterable[ResourceState]) -> None:
        self.host = host
        self._old = {
            urns.reference(state.urn, state.id): state for state in states if urns.is_provider_type(state.type)
        }
        self._configured: dict[str, Provider] = {}
        self._checked: dict[str, Provider] = {}
        self._aliases: dict[str, str] = {}
        self._loading: dict[str, asyncio.Lock] = {}

    def find(self, reference: str) -> Provider | None:
        """The configured provider of this reference, which may contain an earlier URN; None if there is none yet."""
        if provider := self._configured.get(reference):
            return provider
        urn, id_ = urns.split_reference(reference)
        renamed = self._aliases.get(urn)
        return self._configured.get(urns.reference(renamed, id_)) if renamed else None

    def rename(self, old_urn: str, new_urn: str) -> None:
        """Make references with the old URN find the provider."""
        self._aliases[old_urn] = new_urn

    async def ensure(self, reference: str) -> Provider:
        """The provider of this reference, started from its old state if need be. Raises `ProviderError`."""
        if provider := self.find(reference):
            return provider
        old = self._old.get(reference)
        if old is None:
            raise ProviderError(f"the provider {reference} is neither in the program nor in the state")
        return await self.same(old, old.inputs)

    async def same(self, state: ResourceState, inputs: Properties) -> Provider:
        """The provider of an unchanged provider resource, configured with these inputs."""
        reference = urns.reference(state.urn, state.id)
        async with self._loading.setdefault(reference, asyncio.Lock()):
            if provider := self._configured.get(reference):
                return provider
            provider = self._checked.pop(state.urn, None) or await self._load(state.urn, inputs)
            await provider.configure(state.urn, state.id, public_config(inputs))
            self._configured[reference] = provider
            return provider

    async def _load(self, urn: str, inputs: Properties) -> Provider:
        internal = inputs.get(_INTERNAL)
        if isinstance(internal, dict) and "parameterization" in internal:
            raise ProviderError(f"{urn} is a parameterized provider, which pulumi-embedded does not support")
        version = plain(inputs.get(_VERSION))
        package = urns.provided_package(urns.type_of(urn))
        return await self.host.load(package, version if isinstance(version, str) else "")

    # --- provider resources -------------------------------------------------------------------------------------------

    async def check_config(self, urn: str, olds: Properties, news: Properties) -> Checked:
        raise NotImplementedError("providers have no provider")

    async def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, new_inputs: Properties
    ) -> Diff:
        raise NotImplementedError("providers have no provider")

    async def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        raise NotImplementedError("providers have no provider")

    async def check(self, urn: str, olds: Properties, news: Properties, random_seed: bytes) -> Checked:
        provider = await self._load(urn, news)
        checked = await provider.check_config(urn, public_config(olds), public_config(news))
        if checked.failures:
            return checked
        self._checked[urn] = provider
        inputs = dict(checked.inputs)
        if _VERSION in news:
            if _VERSION in inputs and not equal(inputs[_VERSION], news[_VERSION]):
                return Checked(news, [CheckFailure(_VERSION, f"the provider {urn} changed its own version")])
            inputs[_VERSION] = news[_VERSION]
        if _INTERNAL in news:
            inputs[_INTERNAL] = news[_INTERNAL]
        return Checked({key: inputs[key] for key in sorted(inputs)})

    async def diff(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        new_inputs: Properties,
        ignore_changes: Sequence[str],
    ) -> Diff:
        provider = self._checked.get(urn) or self._configured[urns.reference(urn, id_)]
        diff = await provider.diff_config(urn, public_config(old_inputs), old_outputs, public_config(new_inputs))
        if diff.changes != "unknown":
            return diff
        return Diff("none" if equal(old_outputs, public_config(new_inputs)) else "some")

    async def create(self, urn: str, inputs: Properties, timeout_seconds: float, preview: bool) -> Created:
        provider = self._checked.pop(urn, None) or await self._load(urn, inputs)
        id_ = UNKNOWN_STRING if preview else str(uuid.uuid4())
        config = public_config(inputs)
        await provider.configure(urn, id_, config)
        self._configured[urns.reference(urn, id_)] = provider
        return Created(id_, config)

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
        provider = self._checked.pop(urn)
        config = public_config(new_inputs)
        await provider.configure(urn, id_, config)
        before = self._configured.get(urns.reference(urn, id_))
        self._configured[urns.reference(urn, id_)] = provider
        if before is not None:
            await before.close()
        return config

    async def delete(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout_seconds: float) -> None:
        # The process is stopped at the end of the deployment: other operations may still use it.
        self._configured.pop(urns.reference(urn, id_), None)

    async def read(
        self, urn: str, id_: str, inputs: Properties | None, state: Properties, timeout_seconds: float
    ) -> Found:
        raise ProviderError("provider resources cannot be read")

    async def invoke(self, token: str, args: Properties, preview: bool) -> Invoked:
        raise NotImplementedError("providers have no functions")

    async def cancel(self) -> None:
        await self.host.cancel()

    async def close(self) -> None:
        with contextlib.suppress(ProviderError):
            await self.host.close()


def public_config(inputs: Properties) -> Properties:
    """A provider's inputs without those that only the engine uses."""
    return {key: value for key, value in inputs.items() if key != _INTERNAL}


def with_plugin(inputs: Properties, version: str, download_url: str) -> Properties:
    """A provider's inputs with the plugin version and download URL that it asks for."""
    if not version and not download_url:
        return inputs
    internal: Properties = {"pluginDownloadURL": download_url} if download_url else {}
    result: Properties = {**inputs, _INTERNAL: internal}
    if version:
        result[_VERSION] = version
    return result
