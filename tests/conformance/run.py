"""Runs of a program: calls `DynamicProvider` as Pulumi's engine does, on the plain contract."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from gpufleet_provider import clouds
from gpufleet_provider.dynamic import DynamicProvider
from gpufleet_provider.http import accounts
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.state_properties import IMPORT_ID, INPUTS, OFFERED_NAME, WAIT
from gpufleet_provider.operations import catalogue, run_memory
from gpufleet_provider.operations.call import Call
from gpufleet_provider.plugin import serving
from gpufleet_provider.waiting import shared_list, watcher
from pulumi.dynamic import CheckFailure, Config, ConfigureRequest
from pulumi.output import Unknown

Properties = dict[str, Any]


@dataclass(frozen=True)
class State:
    """What a state holds of one resource."""

    id: str
    outputs: Properties

    @property
    def wait(self) -> Properties | None:
        """Return what an unfinished wait has left in the state, or None."""
        return self.outputs.get(WAIT)


class Declined(Exception):
    """Check found failures in the inputs."""

    def __init__(self, failures: list[CheckFailure]) -> None:
        super().__init__("; ".join(f"{failure.property}: {failure.reason}" for failure in failures))


class Clock:
    """The provider's time, which tests move: the pause before a request is repeated passes at once.

    So does the time in which the provider waits for a run to meet everything that its state holds.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_seconds = 0.0
        monotonic = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + self.ahead_seconds)
        monkeypatch.setattr(CloudClient, "_sleep", lambda _client, seconds: self.advance(seconds))
        monkeypatch.setattr(shared_list, "GATHER_SECONDS", 0.0)
        monkeypatch.setattr(run_memory, "QUIET_SECONDS", 0.0)

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.ahead_seconds += seconds


class Run:
    """One run of a program: the engine, and a plugin process that remembers nothing of earlier runs.

    With `beside` the process is the one of another run: a program may have several kinds of resources and accounts.
    """

    def __init__(self, token: str, config: Properties, clock: Clock, beside: Run | None = None) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self._clock = clock
        self._token = token
        if beside is None:
            self._forget()
        self._provider = DynamicProvider(token)
        self._provider.configure(ConfigureRequest(Config({"gpufleet:pollSeconds": "0.01", **config}, "conformance")))

    def up(
        self, name: str, inputs: Properties, old: State | None = None, *, timeout_seconds: float | None = None
    ) -> State:
        """Create, update or replace (delete first) a resource as its inputs ask for, or leave it as it is."""
        news = self.check(name, inputs, old)
        if old is None:
            return self.create(name, news, timeout_seconds=timeout_seconds)
        diff = self.diff(name, news, old)
        if diff.replaces:
            self.delete(name, old)
            return self.create(name, self.check(name, inputs, None), timeout_seconds=timeout_seconds)
        if not diff.changes:
            return old
        return self.update(name, news, old, timeout_seconds=timeout_seconds)

    def check(self, name: str, inputs: Properties, old: State | None) -> Properties:
        """Return the normalised inputs; raises Declined."""
        with self._calling(name):
            result = self._provider.check(old.outputs.get(INPUTS, {}) if old is not None else {}, dict(inputs))
        if result.failures:
            raise Declined(result.failures)
        return result.inputs

    def diff(self, name: str, news: Properties, old: State) -> Any:
        """Compare inputs with the state; raises what the provider raises."""
        with self._calling(name):
            return self._provider.diff(old.id, old.outputs, news)

    def create(self, name: str, news: Properties, *, timeout_seconds: float | None = None) -> State:
        """Create with inputs that check has returned; raises what the provider raises."""
        with self._calling(name, timeout_seconds):
            made = self._provider.create(dict(news))
        assert made.id, "a create has returned no id"
        return State(made.id, made.outs or {})

    def update(self, name: str, news: Properties, old: State, *, timeout_seconds: float | None = None) -> State:
        """Update to inputs that check has returned; raises what the provider raises."""
        with self._calling(name, timeout_seconds):
            return State(old.id, self._provider.update(old.id, old.outputs, news).outs or {})

    def refresh(self, name: str, old: State) -> State | None:
        """Read the resource; returns None if it is gone."""
        with self._calling(name):
            found = self._provider.read(old.id, old.outputs)
        return State(found.id, found.outs or {}) if found.id else None

    def delete(self, name: str, old: State, *, timeout_seconds: float | None = None) -> None:
        """Delete; raises what the provider raises."""
        with self._calling(name, timeout_seconds):
            self._provider.delete(old.id, old.outputs)

    @contextmanager
    def _calling(self, name: str, timeout_seconds: float | None = None) -> Iterator[None]:
        urn = f"urn:pulumi:dev::conformance::pulumi-python:dynamic/{self._token}::{name}"
        call = Call(
            urn,
            timeout_seconds,
            warn=self.warnings.append,
            note=self.notes.append,
            is_unknown=lambda value: isinstance(value, Unknown),
        )
        before = serving._current.set(call)
        try:
            yield
        finally:
            serving._current.reset(before)

    @staticmethod
    def _forget() -> None:
        """Clear what a plugin process keeps in memory."""
        for kept in (clouds._services, accounts._clients, watcher._watchers, catalogue._catalogues, catalogue._noted):
            kept.clear()


def offered(inputs: Properties, name: str) -> Properties:
    """Return the inputs that a resource class sends if the program gives no name: with an offered one."""
    return {**inputs, OFFERED_NAME: f"{name}-0123abcd"}


def importing(inputs: Properties, id: str) -> Properties:
    """Return the inputs that a resource class sends for `import_`."""
    return {**inputs, IMPORT_ID: id}
