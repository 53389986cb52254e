"""The mark of a state: from the id of the engine's default provider, and asked for once."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN
from pulumi_gpufleet import state_mark as module

DEFAULT = "urn:pulumi:dev::fleet::pulumi:providers:pulumi-python::default"


class Engine:
    """Answers as an engine's monitor: a function of a package has its default provider registered."""

    def __init__(self, id: str | None) -> None:
        self.id = id
        self.asked: list[str] = []

    def Invoke(self, request: Any) -> Any:
        self.asked.append(request.tok)
        if request.tok != "pulumi:pulumi:getResource" or self.id is None:
            raise grpc.RpcError(f"{request.tok} is not there")
        assert "pulumi-python:index:getNothing" in self.asked and request.args["urn"] == DEFAULT
        reply = provider_pb2.InvokeResponse()
        getattr(reply, "return").CopyFrom(struct_pb2.Struct(fields={"id": struct_pb2.Value(string_value=self.id)}))
        return reply


def marks(monkeypatch: pytest.MonkeyPatch, engine: Any, times: int = 1) -> list[str | None]:
    """Ask for the mark as a program with so many resources does."""
    monkeypatch.setattr(settings, "get_monitor", lambda: engine)
    monkeypatch.setattr(module.pulumi, "get_stack", lambda: "dev")
    monkeypatch.setattr(module.pulumi, "get_project", lambda: "fleet")

    async def ask() -> list[str | None]:
        return list(await asyncio.gather(*(module.state_mark() for _ in range(times))))

    return asyncio.run(ask())


def test_the_mark_is_of_the_default_provider_and_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine("75a2e650-b4c9-4359-9ac6-ebd094b0005d")
    # It is in the names of clusters that live: another value would make a second cluster.
    assert marks(monkeypatch, engine, times=3) == ["e85777d1"] * 3
    assert len(engine.asked) == 2


def test_another_state_has_another_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    assert marks(monkeypatch, Engine("one")) != marks(monkeypatch, Engine("another"))


def test_before_the_first_run_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert marks(monkeypatch, Engine(UNKNOWN)) == [UNKNOWN]


def test_where_there_is_no_default_provider_there_is_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    assert marks(monkeypatch, Engine(None)) == [None]


def test_the_mocks_of_a_users_unit_tests_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing(Mocks):
        def new_resource(self, args: Any) -> Any:
            raise AssertionError

        def call(self, args: Any) -> Any:
            raise AssertionError

    assert marks(monkeypatch, MockMonitor(Nothing())) == [None]
