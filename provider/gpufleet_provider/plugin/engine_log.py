"""Logs to the engine, attached to a resource's URN."""

from __future__ import annotations

import functools
import sys
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from gpufleet_provider.model.text import one_line


def engine_address() -> str | None:
    """Return the engine's address when this process is Pulumi's dynamic plugin (its last argument), else None."""
    started_as = getattr(sys.modules.get("__main__"), "__spec__", None)
    host, _, port = sys.argv[-1].rpartition(":")
    is_plugin = started_as is not None and started_as.name == "pulumi.dynamic.__main__"
    return sys.argv[-1] if is_plugin and len(sys.argv) > 1 and host and port.isdecimal() else None


@functools.cache
def _stub(address: str) -> Any:
    # The engine is on this machine, which a proxy of the environment cannot reach.
    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]))


def _log(severity: engine_pb2.LogSeverity.ValueType, message: str, urn: str, ephemeral: bool) -> None:
    address = engine_address()
    line = one_line(message)
    try:
        if address is None:
            print(line, file=sys.stderr)
            return
        _stub(address).Log(
            engine_pb2.LogRequest(severity=severity, message=line, urn=urn, ephemeral=ephemeral), timeout=5
        )
    except (grpc.RpcError, OSError, ValueError):
        # The engine is stopping or gone, or stderr is closed: a line that cannot be shown must not end an operation.
        return


def progress(message: str, urn: str) -> None:
    """Show a line on the resource's row until the next one; it does not stay in the diagnostics."""
    _log(engine_pb2.INFO, message, urn, ephemeral=True)


def note(message: str) -> None:
    """Leave an informational line in the diagnostics of the run."""
    _log(engine_pb2.INFO, message, "", ephemeral=False)


def warn(message: str, urn: str = "") -> None:
    """Leave a warning in the diagnostics of the run."""
    _log(engine_pb2.WARNING, message, urn, ephemeral=False)
