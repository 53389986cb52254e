"""A fault at each single request of a full life: the run succeeds or says one clear line, and the next one succeeds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from tests.conftest import QUICK_CRASH_SEEDS, few_at_once

from .circumstances import SecondClone, heal, told_to_import
from .crash_plans import GIVEN_NAME, ODD_REPLIES, REQUEST_FAULTS, RESPELLING
from .crashing import assert_told_plainly
from .stacks import Run, Stack
from .state_files import cluster_ids, loaded

PROGRAM = """
    together.Cluster("train", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND",
        num_gpus={gpus}, cuda_version="12.6", nvidia_driver_version="560",
        shared_volume={{"volume_name": "data", "size_tib": {tib}, "region": "us-central-8"}})
    shadeform.Cluster("burst", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8",
        num_instances={instances}{options})
"""

Circumstance = Literal["healed failure", "respelled name", "second clone"]
CIRCUMSTANCES: tuple[Circumstance | None, ...] = (None, "healed failure", "respelled name", "second clone")
"""What ordinary life does beside the faults of one life, in turn."""

LOST = "done without a reply, then refused"
"""A fault of two requests: the same call is sent once more."""

FAULTS: dict[str, dict[str, Any]] = {
    **REQUEST_FAULTS,
    **ODD_REPLIES,
    LOST: {"fault": "reply_lost"},
    "401": {"fault": "status", "status": 401},
    "403": {"fault": "status", "status": 403},
    "408": {"fault": "status", "status": 408},
    "500 of a proxy": {"fault": "status", "status": 500, "body": "<html><title>Bad gateway</title></html>"},
}


@dataclass(frozen=True)
class Ask:
    """The `nth` request of its kind in one step."""

    cloud: str
    method: str
    path: str
    nth: int = 1


CLUSTERS, CLUSTER = "/compute/clusters", "/compute/clusters/{cluster_id}"
VOLUMES, VOLUME = "/compute/clusters/storage/volumes", "/compute/clusters/storage/volumes/{volume_id}"

STEPS: dict[str, list[Ask]] = {
    "create": [
        Ask("together", "GET", "/compute/regions"),
        Ask("shadeform", "GET", "/clusters/types"),
        *(Ask("together", "GET", CLUSTERS, nth) for nth in (1, 2, 3)),
        Ask("together", "POST", CLUSTERS),
        *(Ask("shadeform", "GET", "/clusters", nth) for nth in (1, 2, 3)),
        Ask("shadeform", "POST", "/clusters/create"),
    ],
    "update": [
        Ask("shadeform", "GET", "/clusters/types"),
        Ask("together", "GET", CLUSTER),
        Ask("together", "PUT", VOLUMES),
        Ask("together", "PUT", CLUSTER),
        Ask("together", "GET", CLUSTERS),
        Ask("shadeform", "POST", "/clusters/{id}/delete"),
        *(Ask("shadeform", "GET", "/clusters", nth) for nth in (1, 2, 3)),
        Ask("shadeform", "GET", "/clusters/{id}/info"),
        Ask("shadeform", "POST", "/clusters/create"),
    ],
    "refresh": [Ask("together", "GET", CLUSTERS), Ask("shadeform", "GET", "/clusters")],
    "destroy": [
        Ask("together", "DELETE", CLUSTER),
        *(Ask("together", "GET", CLUSTERS, nth) for nth in (1, 2)),
        Ask("together", "GET", CLUSTER),
        *(Ask("together", "GET", VOLUME, nth) for nth in (1, 2)),
        Ask("together", "DELETE", VOLUME),
        Ask("shadeform", "POST", "/clusters/{id}/delete"),
        Ask("shadeform", "GET", "/clusters"),
        Ask("shadeform", "GET", "/clusters/{id}/info"),
    ],
}
"""Every kind of request that a life asks, by step (see `test_the_table_is_whole`)."""


def _pairs(step: str) -> list[tuple[Ask, str]]:
    """Every request with every fault, in rounds that have each request once and each with another fault."""
    asks, faults = STEPS[step], sorted(FAULTS)
    random.Random(step).shuffle(faults)
    return [
        (ask, faults[(round + place) % len(faults)]) for round in range(len(faults)) for place, ask in enumerate(asks)
    ]


ALL_LIVES = max(len(_pairs(step)) for step in STEPS)
QUICK_LIVES = max(len(asks) for asks in STEPS.values())
"""One round: a fault at each single request."""
FURTHER_LIVES = 60
"""How many lives `make test-all` goes through; `make crash` goes through all of them."""


class Life:
    """One stack through all steps, each of which may meet a fault."""

    def __init__(
        self,
        stack: Stack,
        circumstance: Circumstance | None = None,
        new_stack: Callable[..., Stack] | None = None,
    ) -> None:
        self.stack, self.circumstance = stack, circumstance
        self.import_id = ""
        self.clone = SecondClone(new_stack) if circumstance == "second clone" and new_stack is not None else None
        if circumstance == "respelled name":
            for cloud, switches in RESPELLING.items():
                stack.simulator.switch(cloud, **switches)

    def step(self, step: str) -> Run:
        """Run a step's command."""
        stack = self.stack
        if step == "refresh":
            return stack.refresh()
        if step == "destroy":
            return stack.destroy()
        stack.write(self.program(step))
        return stack.up()

    def program(self, step: str) -> str:
        """Return the program of a step."""
        options = f', name="{GIVEN_NAME}"' if self.circumstance == "respelled name" else ""
        if self.import_id:
            options += f', opts=pulumi.ResourceOptions(import_="{self.import_id}")'
        values = {"gpus": 8, "tib": 1, "instances": 2} if step == "create" else {"gpus": 16, "tib": 2, "instances": 4}
        return PROGRAM.format(**values, options=options)

    def fail_the_create(self) -> None:
        """Let Shadeform's cluster fail once it is made, if it is to heal again."""
        if self.circumstance == "healed failure":
            self.stack.simulator.fault("provisioning_failed", cloud="shadeform", times=0)

    def come_back(self, step: str, first: Run) -> Run:
        """Run a step again that has failed, after what failed in it has healed, and as its message says."""
        heals = step == "create" and self.circumstance == "healed failure"
        healed = heal(self.stack, "burst") if heals else set[str]()
        self.import_id = told_to_import(first)
        second = self.step(step)
        living = {it["id"] for it in self.stack.live_clusters()}
        assert healed <= living, f"what had healed is gone:\n{second.output}"
        return second

    def check(self, step: str) -> None:
        """After a step that succeeded, state and ledger agree."""
        if self.clone is not None and step == "create":
            self.clone.want(self.program(step))
        others = self.clone.ids if self.clone is not None else set[str]()
        living = {it["id"] for it in self.stack.live_clusters()} - others
        assert living == cluster_ids(self.stack).keys()
        assert len(living) == (0 if step == "destroy" else 2)
        if step == "refresh":
            if self.circumstance is not None:
                same = self.stack.up("--expect-no-changes")
                assert same.exit_code == 0, same.output
            # What the cloud does not take down by itself, the provider has to.
            for volume in self.stack.simulator.ledger()["volumes"]:
                self.stack.simulator.intervene(volume["id"], "edit", is_lifecycle_independent=True)

    def end(self) -> None:
        """Nothing is left, and nothing ever lived twice at once."""
        if self.clone is not None:
            self.clone.leave()
        assert loaded(self.stack) == []
        assert [it for it in self.stack.simulator.ledger()["volumes"] if it["deleted_at"] is None] == []
        assert {life["max_live"] for life in self.stack.simulator.live_history()} == {1}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_long = metafunc.config.getoption("--crash-seeds") > QUICK_CRASH_SEEDS
    lives = ALL_LIVES if is_long else QUICK_LIVES
    if "life" in metafunc.fixturenames:
        metafunc.parametrize("life", few_at_once(range(lives)))
    if "further_life" in metafunc.fixturenames:
        metafunc.parametrize("further_life", range(lives, max(lives, FURTHER_LIVES)))


@pytest.mark.crash
def test_one_fault_at_a_time(
    life: int, stack: Stack, new_stack: Callable[..., Stack], record_property: Callable[[str, object], None]
) -> None:
    _live(life, stack, new_stack, record_property)


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.parametrize("engine", ["embedded"], indirect=True)
def test_every_fault_one_at_a_time(
    further_life: int, stack: Stack, new_stack: Callable[..., Stack], record_property: Callable[[str, object], None]
) -> None:
    """The rounds that `test_one_fault_at_a_time` leaves out, unless the crash suite takes its long form."""
    _live(further_life, stack, new_stack, record_property)


def _live(
    life: int,
    stack: Stack,
    new_stack: Callable[..., Stack],
    record_property: Callable[[str, object], None],
) -> None:
    # Shifted now and then, so that a request meets its faults under all circumstances.
    circumstance = CIRCUMSTANCES[(life + life // 20) % len(CIRCUMSTANCES)]
    run = Life(stack, circumstance, new_stack)
    if circumstance is not None:
        record_property("fault hit", circumstance)
    for step in STEPS:
        pairs = _pairs(step)
        ask, fault = pairs[life % len(pairs)]
        what = f"{fault} at {ask.cloud} {ask.method} {ask.path} no. {ask.nth} of {step}, beside: {circumstance}"
        where = {"cloud": ask.cloud, "method": ask.method, "path": ask.path}
        rule = stack.simulator.fault(**FAULTS[fault], **where, nth=ask.nth, times=1)
        if fault == LOST:
            stack.simulator.fault("status", status=409, **where, after=ask.nth - 1, times=1)
        fails = step == "create" and circumstance == "healed failure"
        if fails:
            run.fail_the_create()
        first = run.step(step)
        hit = any(it["hits"] for it in stack.simulator.faults() if it["id"] == rule)
        record_property("fault hit" if hit else "fault missed", f"{fault} at {ask.method}")
        stack.simulator.clear_faults()
        assert_told_plainly(first)
        assert first.exit_code != 0 or not fails, f"{what}: a create that failed is called done:\n{first.output}"
        if first.exit_code != 0:
            assert hit or fails, f"failed without {what}:\n{first.output}"
            second = run.come_back(step, first)
            assert second.exit_code == 0, f"{what}: the next run failed as well:\n{first.output}\n{second.output}"
        run.check(step)
    run.end()


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.parametrize("accepted", [True, None], ids=["done at once", "done late"])
def test_a_create_that_is_not_answered_for_a_minute(accepted: bool | None, stack: Stack) -> None:
    """The client gives up after a minute, and looks what has become of it."""
    for path in ("/compute/clusters", "/clusters/create"):
        stack.simulator.fault("slow", method="POST", path=path, delay_seconds=61, accepted=accepted)
    run = Life(stack)
    done = run.step("create")
    assert done.exit_code == 0, done.output
    assert "the answer to the create was lost" in done.output
    run.check("create")
    assert len(stack.simulator.ledger()["clusters"]) == 2


def test_the_table_is_whole(stack: Stack) -> None:
    """Without any fault, a life asks what the table says, and nothing else."""
    run = Life(stack)
    for step, asks in STEPS.items():
        stack.simulator.clear_requests()
        done = run.step(step)
        assert done.exit_code == 0, done.output
        asked = {
            request.replace("/together/v1", "").replace("/shadeform/v1", "") for request in stack.simulator.requests()
        }
        assert asked == {f"{ask.method} {ask.path}" for ask in asks}, step
        run.check(step)
    run.end()
