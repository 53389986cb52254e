"""Random lives of two clusters: what an `up` does stood in the preview, and nothing is lost, doubled or destroyed.

The oracle is what a person knows from the vendor's documentation: the number of GPUs changes in place, the region does
not, and KUBERNETES is the type that a cluster has when none is written. It shares no code with the provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from gpufleet_provider.model.errors import CloudError, Refusal
from gpufleet_provider.simulator import RunningSimulator, running
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conformance.run import Clock, Run, State, offered
from tests.conftest import QUICK_CRASH_SEEDS

SPEED = 100_000.0
FIXED = {"gpu_type": "H100_SXM", "billing_type": "ON_DEMAND", "cuda_version": "12.6", "nvidia_driver_version": "560"}
names = st.sampled_from(["a", "b"])
gpus = st.sampled_from([8, 16, 24])
regions = st.sampled_from(["us-central-8", "us-west-1"])


@dataclass
class Declared:
    """What the program says of a cluster."""

    num_gpus: int
    region: str
    writes_defaults: bool

    def inputs(self, name: str) -> dict[str, Any]:
        default = {"cluster_type": "KUBERNETES"} if self.writes_defaults else {}
        return offered({**FIXED, **default, "num_gpus": self.num_gpus, "region": self.region}, name)


@dataclass
class Life:
    """What a person knows of a cluster; `told` is what the state was last told, `runs` what really runs."""

    declared: Declared | None = None
    state: State | None = None
    told: tuple[int, str] | None = None
    runs: tuple[int, str] | None = None
    id: str | None = None

    def expected(self) -> str:
        """Return what a person expects of the next `up`."""
        if self.state is None:
            return "nothing" if self.declared is None else "create"
        if self.declared is None or self.told is None:
            return "delete"
        if self.declared.region != self.told[1]:
            return "replace"
        return "same" if self.declared.num_gpus == self.told[0] else "update"


class Lives(RuleBasedStateMachine):
    simulator: ClassVar[RunningSimulator]

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock(self.patch)
        self.simulator.reset()
        self.lives = {"a": Life(), "b": Life()}

    def teardown(self) -> None:
        self.patch.undo()

    def run_(self) -> Run:
        config = {"together:apiKey": "any", "together:baseUrl": self.simulator.base_url("together")}
        return Run("together:Cluster", config, self.clock)

    # --- What a person writes, and what happens in the cloud ---

    @initialize(num_gpus=gpus, region=regions)
    def begin(self, num_gpus: int, region: str) -> None:
        for name in self.lives:
            self.write(name, num_gpus, region, False)
        self.up("")

    @rule(name=names, num_gpus=gpus, region=regions, writes_defaults=st.booleans())
    def write(self, name: str, num_gpus: int, region: str, writes_defaults: bool) -> None:
        self.lives[name].declared = Declared(num_gpus, region, writes_defaults)

    @rule(name=names)
    def take_out(self, name: str) -> None:
        self.lives[name].declared = None

    @precondition(lambda self: self._running())
    @rule(data=st.data(), num_gpus=gpus)
    def somebody_scales(self, data: st.DataObject, num_gpus: int) -> None:
        life = data.draw(st.sampled_from(self._running()))
        assert life.id is not None and life.runs is not None
        self.simulator.intervene(life.id, "edit", num_gpus=num_gpus)
        life.runs = (num_gpus, life.runs[1])

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def it_vanishes(self, data: st.DataObject) -> None:
        life = data.draw(st.sampled_from(self._running()))
        assert life.id is not None
        self.simulator.intervene(life.id, "vanish")
        life.runs = None

    def _running(self) -> list[Life]:
        return [life for life in self.lives.values() if life.runs is not None]

    # --- What a person runs ---

    @rule(fault=st.sampled_from(["", "", "reply lost", "killed"]))
    def up(self, fault: str) -> None:
        for name, life in self.lives.items():
            if fault == "reply lost":
                self.simulator.fault("reply_lost", method="POST", path="/compute/clusters")
            self._up(name, life, killed=fault == "killed")
            self.simulator.clear_faults()

    def _up(self, name: str, life: Life, *, killed: bool) -> None:
        expected, run = life.expected(), self.run_()
        before = self._living()
        if expected in ("update", "same", "replace"):
            assert life.state is not None and life.declared is not None and life.told is not None
            news = run.check(name, life.declared.inputs(name), life.state)
            plan = run.diff(name, news, life.state)
            shown = "replace" if plan.replaces else "update" if plan.changes else "same"
            assert shown == expected
            assert plan.replaces == (["region"] if expected == "replace" else [])
            self._assert_said(life, run.warnings, expected)
            if expected == "same":
                assert self._living() == before
                return
        if expected == "delete" or expected == "replace":
            assert life.state is not None
            run.delete(name, life.state)
            life.state = life.told = life.runs = life.id = None
        if expected in ("create", "replace"):
            self._create(run, name, life, killed=killed)
        if expected == "update":
            self._update(run, name, life)

    def _assert_said(self, life: Life, warnings: list[str], expected: str) -> None:
        """Whatever runs otherwise than the state says is said, and nothing else is."""
        assert life.told is not None
        text = " ".join(warnings)
        if expected == "replace":
            return
        assert ("is gone" in text) is (life.runs is None)
        scaled = life.runs is not None and life.runs[0] != life.told[0] and expected == "same"
        assert ("num_gpus is" in text) is scaled

    def _create(self, run: Run, name: str, life: Life, *, killed: bool) -> None:
        assert life.declared is not None
        wanted = (life.declared.num_gpus, life.declared.region)
        left, before = life.runs, self._living()
        try:
            made = run.create(name, run.check(name, life.declared.inputs(name), None))
        except Refusal as refused:
            # What a killed run has left is in another region: it is named, and left as it is.
            assert left is not None and left[1] != wanted[1] and str(life.id) in str(refused)
            assert self._living() == before
            return
        assert left is None or made.id == life.id, "a second cluster beside what a killed run has left"
        life.id, life.runs = made.id, wanted
        if not killed:
            assert made.wait is None
            life.state, life.told = made, wanted

    def _update(self, run: Run, name: str, life: Life) -> None:
        assert life.state is not None and life.declared is not None
        try:
            updated = run.up(name, life.declared.inputs(name), life.state)
        except CloudError as error:
            assert life.runs is None and "pulumi refresh" in str(error)
            return
        assert life.runs is not None and updated.id == life.id and updated.wait is None
        life.state, life.told = updated, (life.declared.num_gpus, life.declared.region)
        life.runs = life.told

    @rule()
    def refresh(self) -> None:
        run = self.run_()
        for name, life in self.lives.items():
            if life.state is None:
                continue
            life.state = run.refresh(name, life.state)
            assert (life.state is None) is (life.runs is None)
            life.told = life.runs
            if life.state is None:
                life.id = None

    # --- What always holds ---

    def _living(self) -> dict[str, tuple[int, str]]:
        return {
            line["id"]: (line["num_gpus"], line["region"])
            for line in self.simulator.ledger()["clusters"]
            if line["deleted_at"] is None
        }

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert self._living() == {life.id: life.runs for life in self.lives.values() if life.runs is not None}


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running(speed=SPEED) as simulation:
        Lives.simulator = simulation
        yield simulation


@pytest.mark.crash
@pytest.mark.usefixtures("simulator")
def test_lives(pytestconfig: pytest.Config) -> None:
    seeds: int = pytestconfig.getoption("--crash-seeds")
    many = seeds > QUICK_CRASH_SEEDS
    shape = settings(max_examples=4 * seeds, stateful_step_count=20, derandomize=False)
    run_state_machine_as_test(Lives, settings=shape if many else settings(max_examples=15, stateful_step_count=12))
