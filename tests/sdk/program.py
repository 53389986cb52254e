"""Runs a Pulumi program in the test's own process, and shows what it asked the engine for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

ORGANIZATION, PROJECT, STACK = "acme", "fleet", "dev"


@dataclass(frozen=True)
class Request:
    """One resource that the program registered or read."""

    urn: str
    inputs: dict[str, Any]
    """As JSON, secrets unwrapped."""
    secret_inputs: frozenset[str]
    message: Any
    """The request itself."""

    @property
    def name(self) -> str:
        return self.message.name


class _NoClouds(mocks.Mocks):
    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(f"the program invoked {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError("the monitor answers")


class Monitor(mocks.MockMonitor):
    """Records requests; answers with the inputs and `outputs` as state, with the URNs that the engine makes."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        super().__init__(_NoClouds())
        self.outputs = outputs
        self.requests: list[Request] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        parent_type = parent.split("::")[2] if parent else "pulumi:pulumi:Stack"
        qualified = type_ if parent_type == "pulumi:pulumi:Stack" else f"{parent_type}${type_}"
        return f"urn:pulumi:{STACK}::{PROJECT}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        state = self._record(urn, request, request.object) if request.custom else {}
        id = "" if pulumi.runtime.is_dry_run() else f"id-of-{request.name}"
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=id if request.custom else "", object=self._struct(state)
        )

    def ReadResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        response = resource_pb2.ReadResourceResponse(
            urn=urn, properties=self._struct(self._record(urn, request, request.properties))
        )
        if request.id != rpc.UNKNOWN and "id" in response.DESCRIPTOR.fields_by_name:
            response.id = request.id
        return response

    def _record(self, urn: str, request: Any, properties: Any) -> dict[str, Any]:
        received = rpc.deserialize_properties(properties, keep_unknowns=True, keep_internal=True)
        secret = frozenset(name for name, value in received.items() if rpc.is_rpc_secret(value))
        inputs = {name: rpc.unwrap_rpc_secret(value) for name, value in received.items()}
        self.requests.append(Request(urn, inputs, secret, request))
        return {**inputs, **({} if pulumi.runtime.is_dry_run() else self.outputs)}

    def _struct(self, state: Mapping[str, Any]) -> Any:
        # The program's own loop waits for this answer.
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(rpc.serialize_properties(state, {}))
        finally:
            loop.close()


def run(
    program: Callable[[], Any], *, preview: bool = False, outputs: Mapping[str, Any] | None = None
) -> list[Request]:
    """Run a program to its end, with all that it set going, and return its requests in order of arrival."""
    monitor = Monitor(outputs or {})
    mocks.set_mocks(
        monitor.mocks, project=PROJECT, stack=STACK, preview=preview, monitor=monitor, organization=ORGANIZATION
    )
    cast("Any", mocks).test(program)()
    return monitor.requests


def resolved(program: Callable[[], pulumi.Output[Any]], **arguments: Any) -> Any:
    """Run a program that returns an output, and return what the output holds."""
    held: list[Any] = []
    run(lambda: program().apply(held.append), **arguments)
    (value,) = held
    return value
