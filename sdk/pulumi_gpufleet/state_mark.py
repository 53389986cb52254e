"""The mark of a state: what tells two states of one stack apart, such as those of two clones of a repository.

The engine gives the default provider of dynamic resources an id before it creates the first of them, and keeps it in
the state: made once, the same on every run, in no other state. No plugin and no resource is told of it, but a program
may ask for the state of any resource that is registered, the default provider among them. A function of its package
that does not exist has it registered.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import weakref
from typing import Any, cast

import grpc
import pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.rpc import UNKNOWN

_PACKAGE = "pulumi-python"
_asked: weakref.WeakKeyDictionary[Any, asyncio.Future[str | None]] = weakref.WeakKeyDictionary()
"""Per engine: what it answers. A program asks once, however many resources it has."""


async def state_mark() -> str | None:
    """Return the mark of the state that this program runs on, 8 hex digits.

    It is `UNKNOWN` in a preview of a state that does not exist yet, and None where there is no default provider, as in
    unit tests on Pulumi's mocks.
    """
    monitor = settings.get_monitor()
    if monitor is None or isinstance(monitor, MockMonitor):
        return None
    if monitor not in _asked:
        _asked[monitor] = asyncio.ensure_future(
            asyncio.to_thread(_ask, monitor, pulumi.get_stack(), pulumi.get_project())
        )
    id = await asyncio.shield(_asked[monitor])
    return id if id is None or id == UNKNOWN else hashlib.sha256(id.encode()).hexdigest()[:8]


def _ask(monitor: Any, stack: str, project: str) -> str | None:
    with contextlib.suppress(grpc.RpcError):
        # It fails, since there is no such function.
        monitor.Invoke(resource_pb2.ResourceInvokeRequest(tok=f"{_PACKAGE}:index:getNothing"))
    urn = f"urn:pulumi:{stack}::{project}::pulumi:providers:{_PACKAGE}::default"
    arguments = struct_pb2.Struct(fields={"urn": struct_pb2.Value(string_value=urn)})
    try:
        reply = monitor.Invoke(resource_pb2.ResourceInvokeRequest(tok="pulumi:pulumi:getResource", args=arguments))
    except grpc.RpcError:
        return None
    return cast(str, getattr(reply, "return").fields["id"].string_value) or None
