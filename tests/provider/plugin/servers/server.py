"""The stock plugin server of one SDK, driven over gRPC as the real engine drives it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gpufleet_provider
import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
OPTIONS = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024 * 1024),
]
PICKLED = (
    "gASVVgAAAAAAAACMGWdwdWZsZWV0X3Byb3ZpZGVyLmR5bmFtaWOUjA9EeW5hbWljUHJvdmlkZXKUk5QpgZR9lIwIcmVzb3VyY2WUjBB0b2dldGhlcjpD"
    "bHVzdGVylHNiLg=="
)
"""What stands in users' state for `DynamicProvider("together:Cluster")`."""
FOREIGN = base64.b64encode(b"\x80\x02cforeign_provider\nEcho\n)\x81.").decode()


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


def plain(values: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(values)


def urn_of(name: str) -> str:
    return f"urn:pulumi:dev::fleet::pulumi-python:dynamic/together:Cluster::{name}"


class Failed(Exception):
    """What the engine makes of a failed call: `words` from the details where there are any, as it believes these."""

    def __init__(self, error: grpc.RpcError) -> None:
        trailing = {item.key: item.value for item in error.trailing_metadata() or ()}
        self.code: grpc.StatusCode = error.code()
        self.details: str = error.details() or ""
        self.message = self.details
        self.partial: provider_pb2.ErrorResourceInitFailed | None = None
        raw = trailing.get("grpc-status-details-bin")
        if raw is not None:
            status = status_pb2.Status.FromString(raw)
            assert status.code == self.code.value[0]
            self.message = status.message
            for detail in status.details:
                self.partial = provider_pb2.ErrorResourceInitFailed()
                assert detail.Unpack(self.partial)
        super().__init__(self.message)


@dataclass
class _Engine(engine_pb2_grpc.EngineServicer):
    lines: list[engine_pb2.LogRequest] = field(default_factory=list)

    def Log(self, request: Any, context: Any) -> empty_pb2.Empty:
        self.lines.append(request)
        return empty_pb2.Empty()


class PluginServer:
    """A plugin process and the engine that it answers to."""

    def __init__(self, sdk: Path, config: dict[str, str], *extra_arguments: str) -> None:
        self.engine = _Engine()
        self._engine_server = grpc.server(ThreadPoolExecutor(8))
        engine_pb2_grpc.add_EngineServicer_to_server(self.engine, self._engine_server)
        port = self._engine_server.add_insecure_port("127.0.0.1:0")
        self._engine_server.start()
        roots = [sdk, Path(gpufleet_provider.__file__).parent.parent, Path(__file__).parent]
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", *extra_arguments, f"127.0.0.1:{port}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots)), "PULUMI_PROJECT": "fleet"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self.errors: list[str] = []
        self._reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr or ()), daemon=True)
        self._reader.start()
        line = self.process.stdout.readline().strip()
        assert line, "".join(self.errors)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{line}", options=OPTIONS)
        self._stub: Any = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._stub.Configure(provider_pb2.ConfigureRequest(args=struct(config)), timeout=60)

    def stop(self) -> str:
        """End the process and return what it has written to its standard error."""
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        self._channel.close()
        self._engine_server.stop(None)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return "".join(self.errors)

    def lose_engine(self) -> None:
        """Let the engine's address refuse."""
        self._engine_server.stop(0).wait()

    def ended_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    # --- The calls, as the engine makes them ---

    def check(self, name: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Any:
        request = provider_pb2.CheckRequest(urn=urn_of(name), olds=struct(olds or {}), news=struct(_ours(news)))
        return self._call("Check", request)

    def checked(self, name: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the inputs that check returns; there must be no failures."""
        reply = self.check(name, news, olds)
        assert not reply.failures, reply.failures
        return plain(reply.inputs)

    def diff(self, name: str, id: str, old_inputs: Any, olds: Any, news: Any) -> Any:
        request = provider_pb2.DiffRequest(
            urn=urn_of(name), id=id, old_inputs=struct(old_inputs), olds=struct(olds), news=struct(_ours(news))
        )
        return self._call("Diff", request)

    def create(self, name: str, inputs: dict[str, Any], timeout_seconds: float = 0) -> Any:
        request = provider_pb2.CreateRequest(
            urn=urn_of(name), properties=struct(_ours(inputs)), timeout=timeout_seconds
        )
        return self._call("Create", request)

    def read(self, name: str, id: str, outputs: Any = None, inputs: Any = None) -> Any:
        request = provider_pb2.ReadRequest(
            urn=urn_of(name), id=id, properties=struct(outputs or {}), inputs=struct(inputs or {})
        )
        return self._call("Read", request)

    def update(self, name: str, id: str, olds: Any, news: Any, timeout_seconds: float = 0) -> Any:
        request = provider_pb2.UpdateRequest(
            urn=urn_of(name), id=id, olds=struct(olds), news=struct(_ours(news)), timeout=timeout_seconds
        )
        return self._call("Update", request)

    def delete(self, name: str, id: str, outputs: dict[str, Any]) -> None:
        self._call("Delete", provider_pb2.DeleteRequest(urn=urn_of(name), id=id, properties=struct(_ours(outputs))))

    def cancel(self) -> None:
        self._call("Cancel", empty_pb2.Empty())

    def _call(self, verb: str, request: Any) -> Any:
        try:
            return getattr(self._stub, verb)(request, timeout=120)
        except grpc.RpcError as error:
            raise Failed(error) from None

    # --- What the engine was told ---

    def lines(self, name: str) -> list[engine_pb2.LogRequest]:
        return [line for line in self.engine.lines if line.urn == urn_of(name)]

    def warnings(self) -> list[str]:
        return [line.message for line in self.engine.lines if line.severity == engine_pb2.WARNING]


def _ours(values: dict[str, Any]) -> dict[str, Any]:
    return {"__provider": PICKLED, **values}


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for a condition; fails when it does not come about for very long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)
