"""Runs each test of this folder for every lifecycle of every cloud in `CLOUDS`, in a simulated account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gpufleet_provider import CLOUDS
from gpufleet_provider.clouds import cloud_of, lifecycle_of, lifecycles_of
from gpufleet_provider.simulator import RunningSimulator, running

from tests.conformance.example import Example, Inputs, example_of
from tests.conformance.run import Clock, Run, State, offered
from tests.conformance.simulated import CANARY, KEY, SPEED, Account

TOKENS = [lifecycle.token for cloud in CLOUDS for lifecycle in lifecycles_of(cloud).values()]


@pytest.fixture(scope="session")
def clouds() -> Iterator[RunningSimulator]:
    """One simulator for all tests; each test starts with empty accounts."""
    with running(speed=SPEED, canary=CANARY) as simulator:
        yield simulator


class Subject:
    """One kind of resource under test: its example, its account, and runs of programs that declare it."""

    def __init__(self, token: str, simulator: RunningSimulator, clock: Clock) -> None:
        self.token = token
        self.cloud = cloud_of(token.partition(":")[0])
        self.lifecycle = lifecycle_of(token)
        self.example: Example = example_of(token)
        self.account = Account(simulator, self.cloud.name, self.example)
        self.clock = clock

    def run(self, *, key: str = KEY, base_url: str | None = None) -> Run:
        """Start a run."""
        config = {
            self.cloud.api_key_config: key,
            self.cloud.base_url_config: base_url or self.account.base_url,
        }
        return Run(self.token, config, self.clock)

    def inputs(self, name: str | None = None, **changes: Any) -> Inputs:
        """Return the example's inputs with a name that the user gives, or with an offered one."""
        inputs = {**self.example.inputs, **changes}
        return offered(inputs, "it") if name is None else {**inputs, self.lifecycle.name_field: name}

    def create_outside(self, name: str) -> State:
        """Create a resource that this program does not manage."""
        made = self.run().up("theirs", self.inputs(name))
        self.account.simulator.clear_requests()
        return made

    def stop_clock(self) -> None:
        """Stop the cloud's time until `account.start_clock()`, and let time limits pass quickly."""
        self.account.stop_clock(self.clock.advance)

    def remove(self, made: State) -> None:
        """Delete a resource in a run of its own."""
        self.run().delete("it", made)


@pytest.fixture(params=TOKENS)
def subject(request: pytest.FixtureRequest, clouds: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One kind of resource in an empty account; the test must leave it empty."""
    clouds.reset()
    made = Subject(request.param, clouds, Clock(monkeypatch))
    yield made
    made.account.restore_replies()
    assert made.account.leftovers() == [], "the test left resources that cost money"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove keys and addresses from the environment."""
    for cloud in map(cloud_of, CLOUDS):
        monkeypatch.delenv(cloud.api_key_environment, raising=False)
        monkeypatch.delenv(cloud.base_url_environment, raising=False)
