"""What only Together does, in a simulated account: tests that fail and pass later, and projects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpufleet_provider.simulator import RunningSimulator, running

from tests.conformance.run import Clock, Run, offered

INPUTS = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running(speed=20_000) as made:
        yield made


@pytest.fixture
def run(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Run]:
    """Start runs of a program."""
    config = {"together:apiKey": "simulated-key", "together:baseUrl": simulator.base_url("together")}
    clock = Clock(monkeypatch)
    return lambda: Run("together:Cluster", config, clock)


def ids(simulator: RunningSimulator) -> list[str]:
    return [cluster["id"] for cluster in simulator.ledger()["clusters"]]


def test_tests_that_fail_are_waited_for(simulator: RunningSimulator, run: Callable[[], Run]) -> None:
    simulator.switch("together", failed_tests="retried")
    simulator.fault("provisioning_failed")
    made = run().up("it", offered(INPUTS, "it"))
    assert made.wait is None and made.outputs["status"] == "Ready"
    assert "CLUSTER_PHASE_NCCL_TESTS_FAILED" in [it["phase"] for it in made.outputs["phase_transitions"]]
    assert ids(simulator) == [made.id]


@pytest.mark.parametrize("filter", ["projectId", "project_id"])
def test_a_cluster_in_another_project_is_seen(simulator: RunningSimulator, run: Callable[[], Run], filter: Any) -> None:
    """The key's own list lacks it: a lost answer, and what a killed run has left, are looked for in the project."""
    simulator.switch("together", unfiltered_clusters="key_project", project_filter=filter)
    simulator.fault("reply_lost", method="POST")
    inputs = offered({**INPUTS, "project_id": "another"}, "it")
    made = run().up("it", inputs)
    assert run().up("it", inputs).id == made.id and ids(simulator) == [made.id]
    assert run().up("it", inputs, made) == made
