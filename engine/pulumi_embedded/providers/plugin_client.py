# ruff: noqa: D102 (the operations are documented in `provider_api.Provider`)
"""A provider in a plugin process, called over Pulumi's gRPC protocol.

A plugin that does not accept secrets gets plain values, and its outputs are marked secret where the inputs of the same
name are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2, struct_pb2

from pulumi_embedded import urn as urns
from pulumi_embedded.providers.plugin_replies import configure_error_of, diff_of, error_of, failures_of, with_secrets
from pulumi_embedded.providers.protocol import accepts, provider_pb2, provider_pb2_grpc, rpc
from pulumi_embedded.providers.provider_api import (
    STATUS_UNKNOWN,
    Checked,
    Created,
    Diff,
    DiffUnavailable,
    Found,
    InitFailed,
    Invoked,
    PluginDied,
    ProviderError,
)
from pulumi_embedded.providers.wire import from_struct, to_struct
from pulumi_embedded.values import Properties, PropertyValue, has_secrets, has_unknowns, plain, secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.providers.plugin_process import PluginProcess


class PluginProvider:
    """One provider instance in one plugin process (`provider_api.Provider`)."""

    def __init__(self, process: PluginProcess, engine_address: str) -> None:
        self._process = process
        self._engine_address = engine_address
        self._stub: Any = provider_pb2_grpc.ResourceProviderStub(process.channel)
        self._accepts_secrets = False
        self._accepts_resources = False
        self._supports_preview = False
        self._shook_hands = False
        self._config_known = True

    async def handshake(self) -> None:
        """Exchange capabilities with the plugin; one without Handshake reports its own in the reply to Configure."""
        request = getattr(provider_pb2, "ProviderHandshakeRequest", None)
        if request is None:
            return
        try:
            response = await self._stub.Handshake(request(engine_address=self._engine_address, configure_with_urn=True))
        except rpc.aio.AioRpcError as error:
            if error.code() != rpc.StatusCode.UNIMPLEMENTED:
                raise error_of(error) from None
            return
        self._shook_hands = True
        self._accepts_secrets = response.accept_secrets
        self._accepts_resources = response.accept_resources
        self._supports_preview = True

    # --- configuration ------------------------------------------------------------------------------------------------

    async def check_config(self, urn: str, olds: Properties, news: Properties) -> Checked:
        request = provider_pb2.CheckRequest(
            urn=urn,
            olds=to_struct(olds, keep_secrets=False, keep_resources=False),
            news=to_struct(news, keep_secrets=False, keep_resources=False),
        )
        _name(request, urn)
        try:
            response = await self._stub.CheckConfig(request)
        except rpc.aio.AioRpcError as error:
            if error.code() == rpc.StatusCode.UNIMPLEMENTED:
                return Checked(news)
            raise error_of(error) from None
        inputs = from_struct(response.inputs) if response.HasField("inputs") else {}
        return Checked(with_secrets(inputs, news), failures_of(response.failures))

    async def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, new_inputs: Properties
    ) -> Diff:
        request = provider_pb2.DiffRequest(
            urn=urn,
            olds=to_struct(old_outputs, keep_secrets=False, keep_resources=False),
            news=to_struct(new_inputs, keep_secrets=False, keep_resources=False),
            old_inputs=to_struct(old_inputs, keep_secrets=False, keep_resources=False),
        )
        _name(request, urn)
        try:
            response = await self._stub.DiffConfig(request)
        except rpc.aio.AioRpcError as error:
            if error.code() == rpc.StatusCode.UNIMPLEMENTED:
                return Diff("unknown")
            raise error_of(error) from None
        return diff_of(response)

    async def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        settings = {key: value for key, value in inputs.items() if key != "version"}
        if any(has_unknowns(value) for value in settings.values()):
            self._config_known = False
            return
        package = urns.provided_package(urns.type_of(urn))
        request = provider_pb2.ConfigureRequest(
            acceptSecrets=True,
            acceptResources=True,
            variables={f"{package}:config:{key}": _variable(value) for key, value in settings.items()},
            args=to_struct(inputs),
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
        )
        _name(request, urn)
        if accepts(provider_pb2.ConfigureRequest, "urn"):
            request.urn, request.id = urn, id_
        try:
            response = await self._stub.Configure(request)
        except rpc.aio.AioRpcError as error:
            raise configure_error_of(error) from None
        if not self._shook_hands:
            self._accepts_secrets = response.acceptSecrets
            self._accepts_resources = response.acceptResources
            self._supports_preview = response.supportsPreview

    # --- resources ----------------------------------------------------------------------------------------------------

    async def check(self, urn: str, olds: Properties, news: Properties, random_seed: bytes) -> Checked:
        if not self._config_known:
            return Checked(news)
        request = provider_pb2.CheckRequest(
            urn=urn, olds=self._send(olds), news=self._send(news), randomSeed=random_seed
        )
        _name(request, urn)
        response = await self._call("Check", request)
        inputs = from_struct(response.inputs) if response.HasField("inputs") else {}
        return Checked(self._receive(inputs, news), failures_of(response.failures))

    async def diff(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        new_inputs: Properties,
        ignore_changes: Sequence[str],
    ) -> Diff:
        if not self._config_known:
            raise DiffUnavailable(
                "The provider for this resource has inputs that are not known during preview.\n"
                "This preview may not correctly represent the changes that will be applied during an update."
            )
        request = provider_pb2.DiffRequest(
            id=id_,
            urn=urn,
            olds=self._send(old_outputs),
            news=self._send(new_inputs),
            ignoreChanges=ignore_changes,
            old_inputs=self._send(old_inputs),
        )
        _name(request, urn)
        return diff_of(await self._call("Diff", request))

    async def create(self, urn: str, inputs: Properties, timeout_seconds: float, preview: bool) -> Created:
        if preview and not self._config_known:
            return Created("", {})
        if preview and not self._supports_preview:
            return Created("", inputs)
        request = provider_pb2.CreateRequest(
            urn=urn, properties=self._send(inputs), timeout=timeout_seconds, preview=preview
        )
        _name(request, urn)
        try:
            response = await self._call("Create", request)
        except InitFailed as error:
            error.outputs = self._receive(error.outputs or {}, inputs)
            raise
        if not response.id and not preview:
            raise ProviderError(f"plugin returned empty resource.ID from create '{urn}'", STATUS_UNKNOWN)
        return Created(response.id, self._receive(from_struct(response.properties), inputs))

    async def read(
        self, urn: str, id_: str, inputs: Properties | None, state: Properties, timeout_seconds: float
    ) -> Found:
        if not self._config_known:
            return Found("", {}, {})
        request = provider_pb2.ReadRequest(
            id=id_,
            urn=urn,
            properties=self._send(state),
            inputs=None if inputs is None else self._send(inputs),
        )
        if accepts(provider_pb2.ReadRequest, "timeout"):
            request.timeout = timeout_seconds
        _name(request, urn)
        try:
            response = await self._call("Read", request)
        except InitFailed as error:
            error.outputs = self._receive(error.outputs or {}, state)
            if error.inputs is not None:
                error.inputs = self._receive(error.inputs, inputs or {})
            raise
        outputs = self._receive(from_struct(response.properties), state) if response.HasField("properties") else None
        found = self._receive(from_struct(response.inputs), inputs or {}) if response.HasField("inputs") else None
        return Found(response.id, outputs, found)

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
        if preview and not self._config_known:
            return {}
        if preview and not self._supports_preview:
            return new_inputs
        request = provider_pb2.UpdateRequest(
            id=id_,
            urn=urn,
            olds=self._send(old_outputs),
            news=self._send(new_inputs),
            timeout=timeout_seconds,
            ignoreChanges=ignore_changes,
            preview=preview,
            old_inputs=self._send(old_inputs),
        )
        _name(request, urn)
        try:
            response = await self._call("Update", request)
        except InitFailed as error:
            error.outputs = self._receive(error.outputs or {}, new_inputs)
            raise
        return self._receive(from_struct(response.properties), new_inputs)

    async def delete(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout_seconds: float) -> None:
        request = provider_pb2.DeleteRequest(
            id=id_,
            urn=urn,
            properties=self._send(outputs),
            timeout=timeout_seconds,
            old_inputs=self._send(inputs),
        )
        _name(request, urn)
        await self._call("Delete", request)

    async def invoke(self, token: str, args: Properties, preview: bool) -> Invoked:
        if not self._config_known:
            return Invoked({})
        request = provider_pb2.InvokeRequest(tok=token, args=self._send(args))
        if accepts(provider_pb2.InvokeRequest, "preview"):
            request.preview = preview
        response = await self._call("Invoke", request)
        result = from_struct(getattr(response, "return"))
        if has_secrets(args) and not self._accepts_secrets:
            for key, value in result.items():
                result[key] = secret(value)
        return Invoked(result, failures_of(response.failures))

    async def cancel(self) -> None:
        try:
            await self._stub.Cancel(empty_pb2.Empty(), timeout=10)
        except rpc.aio.AioRpcError:
            return  # The plugin does not implement Cancel, or has exited: there is nothing to cancel.

    async def close(self) -> None:
        await self._process.stop()

    # --- the wire -----------------------------------------------------------------------------------------------------

    async def _call(self, method: str, request: object) -> Any:
        try:
            return await getattr(self._stub, method)(request)
        except rpc.aio.AioRpcError as error:
            if error.code() == rpc.StatusCode.UNAVAILABLE and await self._process.has_ended():
                raise PluginDied(self._process.exit_message()) from None
            raise error_of(error) from None

    def _send(self, properties: Properties) -> struct_pb2.Struct:
        return to_struct(properties, keep_secrets=self._accepts_secrets, keep_resources=self._accepts_resources)

    def _receive(self, properties: Properties, sent: Properties) -> Properties:
        return properties if self._accepts_secrets else with_secrets(properties, sent)


def _name(request: Any, urn: str) -> None:
    # Older SDKs have only the URN, which contains both.
    if accepts(request, "name"):
        request.name, request.type = urns.name_of(urn), urns.type_of(urn)


def _variable(value: PropertyValue) -> str:
    text = plain(value)
    return text if isinstance(text, str) else json.dumps(text)
