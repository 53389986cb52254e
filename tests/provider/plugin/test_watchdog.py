"""Whether the engine is still there, and what a refusal means."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from gpufleet_provider.plugin import watchdog


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    reasons: list[str] = []
    monkeypatch.setattr(watchdog, "stop_posting", reasons.append)
    yield reasons


def test_where_nothing_is_watched_the_engine_is_taken_to_be_there(stops: list[str]) -> None:
    assert watchdog.stop_if_engine_is_gone() is True
    assert stops == []


def test_an_engine_that_listens_is_there_and_one_that_refuses_is_not(
    stops: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as engine:
        monkeypatch.setattr(watchdog, "_engine", engine.getsockname())
        assert watchdog.stop_if_engine_is_gone() is True
    assert stops == []
    assert watchdog.stop_if_engine_is_gone() is False
    assert stops == ["the engine is gone"]


def test_a_busy_engine_and_a_lack_of_sockets_prove_nothing(stops: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: object, **__: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(watchdog, "_engine", ("127.0.0.1", 9))
    monkeypatch.setattr(socket, "create_connection", starved)
    assert watchdog.stop_if_engine_is_gone() is True
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: (_ for _ in ()).throw(TimeoutError()))
    assert watchdog.stop_if_engine_is_gone() is True
    assert stops == []
