"""Calls the functions of a program that it has registered with the engine: its transforms and its hooks."""

from __future__ import annotations

import re
from typing import Any

from pulumi_embedded.providers.protocol import CHANNEL_OPTIONS, callback_pb2, rpc
from pulumi_embedded.providers.provider_api import ProviderError


class Callbacks:
    """The servers of callbacks of one deployment."""

    def __init__(self) -> None:
        self._channels: dict[str, Any] = {}

    async def call(self, callback: Any, request: Any, response_type: Any) -> Any:
        """Call a function with a message; returns its answer. Raises `ProviderError` with the function's error."""
        channel = self._channels.get(callback.target)
        if channel is None:
            channel = self._channels[callback.target] = rpc.aio.insecure_channel(
                callback.target, options=CHANNEL_OPTIONS
            )
        invoke = channel.unary_unary(
            "/pulumirpc.Callbacks/Invoke",
            request_serializer=callback_pb2.CallbackInvokeRequest.SerializeToString,
            response_deserializer=callback_pb2.CallbackInvokeResponse.FromString,
        )
        try:
            answer = await invoke(
                callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
            )
        except rpc.aio.AioRpcError as error:
            raise ProviderError(re.sub(r"^Invoke callback \S+ error: ", "", error.details() or str(error))) from None
        return response_type.FromString(answer.response)

    async def close(self) -> None:
        """Close the connections."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()
