"""When a Together cluster is ready: the sequence of a whole bring-up, and every status with every phase."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.together.cluster.bodies import STATUSES, ClusterInfo
from gpufleet_provider.together.cluster.lifecycle import CLUSTER
from gpufleet_provider.together.cluster.outputs import CLUSTER_PHASES, NODE_PHASES
from gpufleet_provider.together.cluster.readiness import latest_phase

from tests.provider.together_replies import at, node

INPUTS: Properties = {"num_gpus": 16, "billing_type": "ON_DEMAND"}


def reply(status: str | None, **more: Any) -> Properties:
    return {
        "cluster_id": "c",
        "cluster_type": "KUBERNETES",
        "status": status,
        "num_gpus": 16,
        "kube_config": "eA==",
        "gpu_worker_nodes": [node(0), node(1)],
        "phase_transitions": [],
        **more,
    }


def judged(raw: Properties, inputs: Properties | None = None) -> tuple[str, str]:
    stands = CLUSTER.readiness(parse_info(ClusterInfo, raw), {**INPUTS, **(inputs or {})})
    return stands.state, stands.message


def test_a_whole_bring_up() -> None:
    """The replies of one cluster in order: ready once, at the end, and the words change on the way."""
    steps = [
        ("WaitingForControlPlaneNodes", []),
        ("WaitingForDataPlaneNodes", [node(0, "SCHEDULING")]),
        ("WaitingForDataPlaneNodes", [node(0), node(1, "PENDING")]),
        ("InstallingDrivers", [node(0), node(1, "BOOTSTRAPPING")]),
        ("RunningAcceptanceTests", [node(0), node(1)]),
        ("Ready", [node(0), node(1, "BOOTING")]),
        ("Ready", [node(0), node(1)]),
    ]
    seen = [judged(reply(status, gpu_worker_nodes=nodes)) for status, nodes in steps]
    assert [state for state, _ in seen] == ["pending"] * 6 + ["ready"]
    assert len({words for _, words in seen}) == len(seen)


@pytest.mark.parametrize("status", STATUSES)
def test_only_ready_is_ready_while_a_cluster_comes_up(status: str) -> None:
    for phase, node_phase in itertools.product(CLUSTER_PHASES, NODE_PHASES):
        raw = reply(
            status,
            phase_transitions=[{"phase": phase, "transition_time": at(0)}],
            gpu_worker_nodes=[node(i, node_phase.removeprefix("NODE_PHASE_")) for i in range(2)],
        )
        state, words = judged(raw)
        had_been_ready = phase == "CLUSTER_PHASE_READY"
        expected = node_phase == "NODE_PHASE_RUNNING" if status == "Ready" else status == "Degraded" and had_been_ready
        assert (state == "ready", bool(words)) == (expected, True), (phase, node_phase)


def test_an_empty_reply_is_pending() -> None:
    assert judged({}) == ("pending", "no status yet")


def test_the_latest_phase_survives_unreadable_times() -> None:
    info = parse_info(
        ClusterInfo,
        {
            "phase_transitions": [
                {"phase": "CLUSTER_PHASE_QUEUED", "transition_time": at(3)},
                {"phase": "CLUSTER_PHASE_READY", "transition_time": "soon"},
                {"phase": "CLUSTER_PHASE_SCHEDULED", "transition_time": at(1)},
                {"transition_time": at(9)},
            ]
        },
    )
    assert latest_phase(info.phase_transitions) == "CLUSTER_PHASE_READY"
    assert latest_phase([]) == ""
