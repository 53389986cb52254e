"""The log of `--event-log`: every event of an operation as a line of JSON, in a file or sent to a gRPC address."""

from __future__ import annotations

import contextlib
import queue
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import empty_pb2

from pulumi_embedded.display.json_events import EventStream
from pulumi_embedded.errors import EngineError
from pulumi_embedded.providers.protocol import CHANNEL_OPTIONS, events_pb2, rpc

if TYPE_CHECKING:
    from collections.abc import Generator

    from pulumi_embedded.steps.events import Listener

_GRPC_SCHEME: Final = "tcp://"
_CLOSE_SECONDS: Final = 10


@contextlib.contextmanager
def event_log(target: str) -> Generator[list[Listener]]:
    """Yield the listener that writes the log to `target`: a path, or `tcp://<host>:<port>`; none if it is empty.

    The file is replaced. Raises EngineError if it cannot be written; an address that does not answer is ignored, as in
    the CLI.
    """
    if not target:
        yield []
        return
    with _connected(target) if target.startswith(_GRPC_SCHEME) else _file(target) as out:
        stream = EventStream(out, with_internal=True)
        try:
            yield [stream]
        finally:
            stream.close()


@contextlib.contextmanager
def _file(path: str) -> Generator[Any]:
    try:
        file = open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise EngineError(f"cannot write the event log {path}: {error.strerror}") from None
    with file:
        yield file


@contextlib.contextmanager
def _connected(target: str) -> Generator[_Lines]:
    lines = _Lines()
    with rpc.insecure_channel(target.removeprefix(_GRPC_SCHEME), options=CHANNEL_OPTIONS) as channel:
        call = channel.stream_unary(
            "/pulumirpc.Events/StreamEvents",
            request_serializer=events_pb2.EventRequest.SerializeToString,
            response_deserializer=empty_pb2.Empty.FromString,
        ).future(lines.requests())
        try:
            yield lines
        finally:
            lines.close()
            with contextlib.suppress(rpc.RpcError, rpc.FutureTimeoutError):
                call.result(timeout=_CLOSE_SECONDS)


class _Lines:
    """A file whose lines are the requests of a stream; written by the engine's thread and read by gRPC's."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def write(self, text: str) -> None:
        """Send the line."""
        self._queue.put(text)

    def flush(self) -> None:
        """Do nothing: every line is sent."""

    def close(self) -> None:
        """End the stream."""
        self._queue.put(None)

    def requests(self) -> Generator[Any]:
        """The requests, until `close`."""
        while (line := self._queue.get()) is not None:
            yield events_pb2.EventRequest(event=line)
