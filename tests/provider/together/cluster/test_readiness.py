"""When a Together cluster is ready: tables of replies, and the sequence of a whole bring-up."""

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

INPUTS: Properties = {"num_gpus": 16, "billing_type": "ON_DEMAND"}


def at(minute: int) -> str:
    return f"2026-11-01T08:{minute:02}:00Z"


def node(number: int, phase: str = "RUNNING", **more: Any) -> Properties:
    steps = ["PENDING"] + ([phase] if phase != "PENDING" else [])
    transitions = [{"phase": f"NODE_PHASE_{s}", "transition_time": at(i)} for i, s in enumerate(steps)]
    return {"node_id": f"node-{number}", "status": "", "num_gpus": 8, "phase_transitions": transitions, **more}


def phases(*names: str) -> list[Properties]:
    return [{"phase": f"CLUSTER_PHASE_{name}", "transition_time": at(i)} for i, name in enumerate(names)]


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


READY_ONCE = {"first_ready_at": at(20)}
SCHEDULED = {"billing_type": "SCHEDULED_CAPACITY"}
TEXT_NODES = [
    {"node_id": "a", "num_gpus": 8, "status": "Running"},
    {"node_id": "b", "num_gpus": 8, "status": "Booting"},
]

TABLE: list[tuple[str, Properties, Properties, str, str]] = [
    ("ready", reply("Ready"), {}, "ready", "Ready · 2 of 2 nodes running"),
    ("nodes still boot", reply("Ready", gpu_worker_nodes=[node(0), node(1, "BOOTING")]), {}, "pending", "1 of 2 nodes"),
    ("no nodes yet", reply("Ready", gpu_worker_nodes=[]), {}, "pending", "0 of 2 nodes running"),
    ("no list of nodes", reply("Ready", gpu_worker_nodes=None), {}, "ready", "Ready"),
    ("a node failed", reply("Ready", gpu_worker_nodes=[node(0), node(1, "FAILED")]), {}, "pending", "1 of 2 nodes"),
    (
        "a failed node beside enough",
        reply("Ready", gpu_worker_nodes=[node(0), node(1), node(2, "FAILED")]),
        {},
        "ready",
        "",
    ),
    ("nodes by status alone", reply("Ready", gpu_worker_nodes=TEXT_NODES), {}, "pending", "1 of 2 nodes running"),
    (
        "an unheard-of node status",
        reply("Ready", gpu_worker_nodes=[{**n, "status": "Active"} for n in TEXT_NODES]),
        {},
        "ready",
        "",
    ),
    (
        "preemptible nodes do not count",
        reply("Ready", gpu_worker_nodes=[node(0), node(1, node_id="x-gpu-preemptible-dp-1")]),
        {},
        "pending",
        "1 of 2",
    ),
    (
        "preemptible nodes are not waited for",
        reply("Ready", desired_preemptible_gpus=16, allocated_preemptible_gpus=0),
        {"num_preemptible_gpus": 16},
        "ready",
        "",
    ),
    (
        "nodes that are about to go do not count",
        reply("Ready", gpu_worker_nodes=[node(0), node(1), node(2, marked_for_deletion=True)]),
        {},
        "ready",
        "",
    ),
    (
        "deleted nodes do not count",
        reply("Ready", gpu_worker_nodes=[node(0)], deleted_gpu_worker_nodes=[node(1)]),
        {},
        "pending",
        "1 of 2",
    ),
    ("scaling up", reply("Ready", num_gpus=32), {"num_gpus": 32}, "pending", "2 of 4 nodes running"),
    ("scaling down", reply("Ready", num_gpus=8), {"num_gpus": 8}, "pending", "2 nodes running, 1 wanted"),
    ("an update that has not arrived", reply("Ready", num_gpus=8), {}, "pending", "8 of 16 GPUs asked for"),
    (
        "auto-scaled beyond",
        reply("Ready", num_gpus=24, gpu_worker_nodes=[node(i) for i in range(3)]),
        {"auto_scale": True},
        "ready",
        "",
    ),
    ("auto-scaled and short", reply("Ready", gpu_worker_nodes=[node(0)]), {"auto_scale": True}, "pending", "1 of 2"),
    ("no kubeconfig yet", reply("Ready", kube_config=""), {}, "pending", "no kubeconfig yet"),
    ("Slurm has no use for one", reply("Ready", cluster_type="SLURM", kube_config=""), {}, "ready", ""),
    (
        "nodes of four",
        reply("Ready", gpu_worker_nodes=[node(i, num_gpus=4) for i in range(3)]),
        {},
        "pending",
        "3 of 4 nodes",
    ),
    # On the way.
    (
        "drivers",
        reply("InstallingDrivers", gpu_worker_nodes=[node(0)]),
        {},
        "pending",
        "InstallingDrivers · 1 of 2 nodes running",
    ),
    (
        "a phase that has no status",
        reply("RunningAcceptanceTests", phase_transitions=phases("QUEUED", "RUNNING_NCCL_TESTS")),
        {},
        "pending",
        "RunningAcceptanceTests · RunningNcclTests · 2 of 2",
    ),
    ("an unknown status", reply("Defragmenting"), {}, "pending", "Defragmenting"),
    ("no status", reply(None), {}, "pending", "no status yet"),
    # The end of it.
    ("on its way out", reply("Deleting"), {}, "failed", "Deleting"),
    (
        "tests failed",
        reply("RunningAcceptanceTests", phase_transitions=phases("QUEUED", "ACCEPTANCE_TESTS_FAILED")),
        {},
        "pending",
        "AcceptanceTestsFailed, which Together looks into",
    ),
    (
        "NCCL tests failed",
        reply("RunningAcceptanceTests", phase_transitions=phases("NCCL_TESTS_FAILED")),
        {},
        "pending",
        "NcclTestsFailed, which Together looks into",
    ),
    (
        "tests failed and are retried",
        reply(
            "RunningAcceptanceTests", phase_transitions=phases("ACCEPTANCE_TESTS_FAILED", "RUNNING_ACCEPTANCE_TESTS")
        ),
        {},
        "pending",
        "RunningAcceptanceTests",
    ),
    (
        "tests failed, listed out of order",
        reply("RunningAcceptanceTests", phase_transitions=phases("QUEUED", "NCCL_TESTS_FAILED")[::-1]),
        {},
        "pending",
        "NcclTestsFailed, which Together looks into",
    ),
    (
        "tests failed on a cluster that has worked",
        reply("RunningAcceptanceTests", phase_transitions=phases("ACCEPTANCE_TESTS_FAILED"), **READY_ONCE),
        {},
        "pending",
        "",
    ),
    (
        "tests failed, but it is ready",
        reply("Ready", phase_transitions=phases("ACCEPTANCE_TESTS_FAILED")),
        {},
        "ready",
        "",
    ),
    # Degraded and paused.
    ("degraded while coming up", reply("Degraded"), {}, "pending", "Degraded · 2 of 2 nodes running"),
    (
        "degraded after tests failed",
        reply("Degraded", phase_transitions=phases("NCCL_TESTS_FAILED")),
        {},
        "pending",
        "Degraded",
    ),
    (
        "degraded later, all nodes there",
        reply("Degraded", gpu_worker_nodes=[node(0), node(1, "FAILED")], **READY_ONCE),
        {},
        "ready",
        "1 of 2 nodes running · Together reports unhealthy nodes",
    ),
    ("degraded later, scaling", reply("Degraded", num_gpus=32, **READY_ONCE), {"num_gpus": 32}, "pending", "2 of 4"),
    ("degraded after a ready phase", reply("Degraded", phase_transitions=phases("READY", "DEGRADED")), {}, "ready", ""),
    ("paused", reply("Paused"), {}, "blocked", "it is kept"),
    ("out of credits", reply("OnDemandComputePaused", **READY_ONCE), {}, "blocked", "credits ran out"),
    # Scheduled.
    (
        "scheduled ahead",
        reply("Scheduled", reservation_start_time=at(0), gpu_worker_nodes=[]),
        SCHEDULED,
        "ready",
        f"Scheduled · begins {at(0)}",
    ),
    (
        "scheduled, by its phase",
        reply("WaitingForControlPlaneNodes", phase_transitions=phases("QUEUED", "SCHEDULED")),
        {**SCHEDULED, "reservation_start_time": at(5)},
        "ready",
        f"begins {at(5)}",
    ),
    (
        "scheduled and begun",
        reply("WaitingForDataPlaneNodes", phase_transitions=phases("SCHEDULED", "WAITING_FOR_DATA_PLANE_NODES")),
        SCHEDULED,
        "pending",
        "",
    ),
    ("scheduled, on demand", reply("Scheduled"), {}, "pending", "Scheduled"),
]


@pytest.mark.parametrize(
    ("raw", "inputs", "state", "words"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_readiness(raw: Properties, inputs: Properties, state: str, words: str) -> None:
    stands, said = judged(raw, inputs)
    assert (stands, words in said) == (state, True), (stands, said)


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
