"""An inline program of the Automation API: the driver runs it in its own process, at a request over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.deployment.language import EXPLAINED_EXIT_CODE
from pulumi_embedded.providers.protocol import CHANNEL_OPTIONS, language_pb2, rpc

if TYPE_CHECKING:
    from pulumi_embedded.deployment.language import ProgramSettings
    from pulumi_embedded.steps.events import Events

_STOP_SECONDS: Final = 2
_FINISH_SECONDS: Final = 10
_THREADS: Final = 1024
"""The driver's SDK starts up to four times as many, one for each registration in progress."""


class InlineProgram:
    """The running program: one request, which the driver answers when the program has ended."""

    def __init__(self, address: str, settings: ProgramSettings, events: Events) -> None:
        self._address = address
        self._events = events
        self._channel = rpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        run = self._channel.unary_unary(
            "/pulumirpc.LanguageRuntime/Run",
            request_serializer=language_pb2.RunRequest.SerializeToString,
            response_deserializer=language_pb2.RunResponse.FromString,
        )
        self._response: asyncio.Future[Any] = asyncio.ensure_future(_answer(run(_request(settings))))

    async def wait(self) -> int:
        """Wait for the end of the program. Returns 0, or `EXPLAINED_EXIT_CODE` if it failed."""
        try:
            response = await asyncio.shield(self._response)
        except rpc.aio.AioRpcError as error:
            self._events.error(f"the driver of the program, at {self._address}, has failed: {error.details()}")
            return EXPLAINED_EXIT_CODE
        return EXPLAINED_EXIT_CODE if response.error or response.bail else 0

    async def finish(self) -> None:
        """Wait for a program that has declared everything."""
        await self._end(_FINISH_SECONDS)

    async def stop(self) -> None:
        """Wait shortly for the program, which gets no more answers; its process is the driver's, which goes on."""
        await self._end(_STOP_SECONDS)

    async def _end(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError, rpc.aio.AioRpcError):
            await asyncio.wait_for(asyncio.shield(self._response), seconds)
        self._response.cancel()
        await self._channel.close()

    def kill(self) -> None:
        """Give up on the answer."""
        self._response.cancel()


async def _answer(call: Any) -> Any:
    return await call


def _request(settings: ProgramSettings) -> Any:
    return language_pb2.RunRequest(
        project=settings.project,
        stack=settings.stack,
        organization=settings.organization,
        pwd=settings.working_directory,
        program=settings.program,
        # Where an inline program looks for the engine's address.
        args=[settings.engine],
        config=settings.config,
        configSecretKeys=settings.config_secret_keys,
        dryRun=settings.dry_run,
        parallel=settings.parallel or _THREADS,
        monitor_address=settings.monitor,
    )
