"""When a cluster is ready: a reply, what was asked, how it stands, and the sentence that a person would say.

A create waits for all that was declared; an update waits for what it changed. `missing` is what alone is wrong: after
some minutes without a change the wait ends with a warning that says it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.operations.awaiting import readiness_of
from gpufleet_provider.shadeform.cluster import CLUSTER as SHADEFORM
from gpufleet_provider.together.cluster.lifecycle import CLUSTER as TOGETHER

from tests.provider.together_replies import at, node, phases

FIXTURES = Path(__file__).parent / "fixtures"
LONG_AGO, LATER = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
ONCE = {"first_ready_at": "2026-11-01T08:20:00Z"}
ALL = None
"""Everything is asked: a create."""


class Row(NamedTuple):
    said: str
    """What a person would say."""
    lifecycle: Lifecycle[Any]
    reply: Properties
    inputs: Properties
    asked: tuple[str, ...] | None
    state: str
    words: str
    missing: str = ""


def nodes(count: int) -> list[Properties]:
    return [node(number) for number in range(count)]


def told(*statuses: str) -> list[Properties]:
    """Nodes that have a status and no phases."""
    return [{"node_id": f"node-{i}", "num_gpus": 8, "status": status} for i, status in enumerate(statuses)]


def together(
    said: str,
    status: str | None,
    state: str,
    words: str = "",
    *,
    inputs: Properties | None = None,
    asked: tuple[str, ...] | None = ALL,
    missing: str = "",
    **shown: Any,
) -> Row:
    reply: Properties = {
        "cluster_id": "c",
        "cluster_type": "KUBERNETES",
        "status": status,
        "num_gpus": 16,
        "kube_config": "eA==",
        "gpu_worker_nodes": nodes(2),
        "phase_transitions": [],
        **shown,
    }
    declared = {"num_gpus": 16, "billing_type": "ON_DEMAND", **(inputs or {})}
    return Row(said, TOGETHER, reply, declared, asked, state, words, missing)


REPAIR = {"latest_remediation": {"id": "r", "state": "PENDING_APPROVAL", "mode": "REMEDIATION_MODE_VM_ONLY"}}
WINDOW = {"billing_type": "SCHEDULED_CAPACITY", "reservation_end_time": LATER}
VOLUME = {"shared_volume": {"volume_name": "data", "size_tib": 1, "region": "r"}}
BALANCER = ("cluster_config",)
GPUS = ("num_gpus",)

TOGETHER_ROWS = [
    # What it is to be ready.
    together("it is there", "Ready", "ready", "Ready · 2 of 2 nodes running"),
    together(
        "one node still boots",
        "Ready",
        "pending",
        "1 of 2 nodes running",
        gpu_worker_nodes=[*nodes(1), node(1, "BOOTING")],
    ),
    together("it says ready and has no node", "Ready", "pending", "0 of 2 nodes running", gpu_worker_nodes=[]),
    together("its reply has no list of nodes, so its status counts", "Ready", "ready", "Ready", gpu_worker_nodes=None),
    together(
        "one of two nodes has failed",
        "Ready",
        "pending",
        "1 of 2 nodes",
        gpu_worker_nodes=[*nodes(1), node(1, "FAILED")],
    ),
    together(
        "a failed node beside enough others does not matter",
        "Ready",
        "ready",
        gpu_worker_nodes=[*nodes(2), node(2, "FAILED")],
    ),
    together(
        "a node without phases says that it boots",
        "Ready",
        "pending",
        "1 of 2 nodes",
        gpu_worker_nodes=told("Running", "Booting"),
    ),
    together(
        "a node without phases drains", "Ready", "pending", "1 of 2 nodes", gpu_worker_nodes=told("Running", "Draining")
    ),
    together(
        "a node has a status that nobody has heard of: it runs",
        "Ready",
        "ready",
        gpu_worker_nodes=told("Active", "Fine"),
    ),
    together(
        "nodes of four GPUs each",
        "Ready",
        "pending",
        "3 of 4 nodes",
        gpu_worker_nodes=[node(i, num_gpus=4) for i in range(3)],
    ),
    together(
        "a node does not say how many GPUs it has: eight",
        "Ready",
        "ready",
        gpu_worker_nodes=[node(0), node(1, num_gpus=None)],
    ),
    # Which nodes count.
    together(
        "a preemptible node is no standard one",
        "Ready",
        "pending",
        "1 of 2",
        gpu_worker_nodes=[node(0), node(1, node_id="x-gpu-preemptible-dp-1")],
    ),
    together(
        "preemptible GPUs may never come, so nobody waits",
        "Ready",
        "ready",
        inputs={"num_preemptible_gpus": 16},
        desired_preemptible_gpus=16,
        allocated_preemptible_gpus=0,
    ),
    together(
        "a node that is about to go does not count",
        "Ready",
        "pending",
        "1 of 2",
        gpu_worker_nodes=[node(0), node(1, marked_for_deletion=True)],
    ),
    together(
        "a node that has left, and is listed still, does not count",
        "Ready",
        "pending",
        "1 of 2",
        gpu_worker_nodes=nodes(2),
        deleted_gpu_worker_nodes=[node(1)],
    ),
    together(
        "nodes that have left do no harm",
        "Ready",
        "ready",
        gpu_worker_nodes=[*nodes(2), node(2, deleted_at=at(9))],
        deleted_gpu_worker_nodes=[node(3)],
    ),
    together("one node listed twice is one node", "Ready", "pending", "1 of 2", gpu_worker_nodes=[node(0), node(0)]),
    together("a spare node keeps nobody waiting", "Ready", "ready", gpu_worker_nodes=nodes(3)),
    together("somebody has scaled it up while it was made", "Ready", "ready", num_gpus=24, gpu_worker_nodes=nodes(3)),
    # One field alone.
    together(
        "a node is shown with no GPUs at all",
        "Ready",
        "pending",
        "1 of them without GPUs",
        gpu_worker_nodes=[node(0), node(1, num_gpus=0)],
        missing="1 of its 2 running nodes are shown without GPUs",
    ),
    together(
        "no node is shown with GPUs",
        "Ready",
        "pending",
        gpu_worker_nodes=[node(0, num_gpus=0), node(1, num_gpus=0)],
        missing="2 of its 2 running nodes are shown without GPUs",
    ),
    together(
        "a node without GPUs does not stand in for one that boots",
        "Ready",
        "pending",
        gpu_worker_nodes=[node(0, num_gpus=0), node(1, "BOOTING")],
    ),
    together(
        "its kubeconfig has not come yet",
        "Ready",
        "pending",
        "no kubeconfig yet",
        kube_config="",
        missing="its kubeconfig is not shown",
    ),
    together(
        "this key never sees a kubeconfig",
        "Ready",
        "pending",
        "no kubeconfig yet",
        kube_config=None,
        missing="a key without the right to it never sees it",
    ),
    together("Slurm has no use for a kubeconfig", "Ready", "ready", cluster_type="SLURM", kube_config=""),
    together(
        "its reply does not say that it runs Slurm, the program does",
        "Ready",
        "ready",
        inputs={"cluster_type": "SLURM"},
        cluster_type=None,
        kube_config="",
    ),
    together(
        "nodes that still boot come before the kubeconfig",
        "Ready",
        "pending",
        "1 of 2",
        kube_config="",
        gpu_worker_nodes=[node(0), node(1, "BOOTING")],
    ),
    together(
        "its control plane is not up",
        "Ready",
        "pending",
        "control plane not ready",
        control_plane_ready=False,
        missing="its control plane is still shown as not ready",
    ),
    together("nothing is said of its control plane", "Ready", "ready", control_plane_ready=None),
    together(
        "its volume is still made",
        "Ready",
        "pending",
        inputs=VOLUME,
        volumes=[{"volume_name": "data", "status": "provisioning"}],
        missing="volume 'data' is provisioning",
    ),
    together(
        "its volume is attached", "Ready", "ready", inputs=VOLUME, volumes=[{"volume_name": "data", "status": "bound"}]
    ),
    together(
        "it was given fewer GPUs than were asked for",
        "Ready",
        "pending",
        "8 of 16 GPUs asked for",
        num_gpus=8,
        gpu_worker_nodes=nodes(1),
        missing="Together aims at 8 GPUs and not at 16",
    ),
    # On the way.
    together(
        "drivers are installed",
        "InstallingDrivers",
        "pending",
        "InstallingDrivers · 1 of 2 nodes running",
        gpu_worker_nodes=nodes(1),
    ),
    together(
        "a phase says more than the status",
        "RunningAcceptanceTests",
        "pending",
        "RunningAcceptanceTests · RunningNcclTests · 2 of 2",
        phase_transitions=phases("QUEUED", "RUNNING_NCCL_TESTS"),
    ),
    together("nobody has heard of this status", "Defragmenting", "pending", "Defragmenting"),
    together("there is no status", None, "pending", "no status yet"),
    together("there is no kubeconfig, and no reason for one yet", "InstallingDrivers", "pending", kube_config=""),
    # Tests.
    together(
        "its tests failed, and Together looks into it",
        "RunningAcceptanceTests",
        "pending",
        "AcceptanceTestsFailed, which Together looks into",
        phase_transitions=phases("QUEUED", "ACCEPTANCE_TESTS_FAILED"),
    ),
    together(
        "its NCCL tests failed",
        "RunningAcceptanceTests",
        "pending",
        "NcclTestsFailed",
        phase_transitions=phases("NCCL_TESTS_FAILED"),
    ),
    together(
        "the phases are listed out of order",
        "RunningAcceptanceTests",
        "pending",
        "NcclTestsFailed",
        phase_transitions=phases("QUEUED", "NCCL_TESTS_FAILED")[::-1],
    ),
    together(
        "its tests run again",
        "RunningAcceptanceTests",
        "pending",
        "RunningAcceptanceTests · 2",
        phase_transitions=phases("ACCEPTANCE_TESTS_FAILED", "RUNNING_ACCEPTANCE_TESTS"),
    ),
    together(
        "its tests failed once, and it has healed",
        "Ready",
        "ready",
        phase_transitions=phases("ACCEPTANCE_TESTS_FAILED"),
    ),
    # Degraded, paused, going.
    together("degraded before it was ever ready", "Degraded", "pending", "Degraded · 2 of 2 nodes running"),
    together(
        "degraded after its tests failed",
        "Degraded",
        "pending",
        "Degraded",
        phase_transitions=phases("NCCL_TESTS_FAILED"),
    ),
    together(
        "degraded, but it has been ready and its nodes are there",
        "Degraded",
        "ready",
        "1 of 2 nodes running · Together reports unhealthy nodes",
        gpu_worker_nodes=[node(0), node(1, "FAILED")],
        **ONCE,
    ),
    together("degraded after a ready phase", "Degraded", "ready", phase_transitions=phases("READY", "DEGRADED")),
    together("degraded, and a node is not there", "Degraded", "pending", "1 of 2", gpu_worker_nodes=nodes(1), **ONCE),
    together(
        "a repair waits for somebody to approve it",
        "Degraded",
        "pending",
        "the repair of node-1 waits for your approval in Together's console",
        gpu_worker_nodes=[node(0), node(1, "FAILED", **REPAIR)],
    ),
    together(
        "five repairs wait",
        "Degraded",
        "pending",
        "node-0, node-1, node-2 and 2 more",
        gpu_worker_nodes=[node(i, "FAILED", **REPAIR) for i in range(5)],
    ),
    together("it is paused", "Paused", "blocked", "it is kept"),
    together("the credits ran out", "OnDemandComputePaused", "blocked", "credits ran out", **ONCE),
    together("it is on its way out", "Deleting", "failed", "Deleting"),
    # Reserved.
    together(
        "it begins later",
        "Scheduled",
        "ready",
        f"Scheduled · begins {LATER}",
        inputs=WINDOW,
        reservation_start_time=LATER,
        gpu_worker_nodes=[],
        kube_config="",
    ),
    together(
        "only the program says when it begins",
        "Scheduled",
        "ready",
        f"begins {LATER}",
        inputs={**WINDOW, "reservation_start_time": LATER},
        gpu_worker_nodes=[],
    ),
    together(
        "it waits for nodes, but begins later",
        "WaitingForControlPlaneNodes",
        "ready",
        f"WaitingForControlPlaneNodes · begins {LATER}",
        inputs={**WINDOW, "reservation_start_time": LATER},
        gpu_worker_nodes=[],
    ),
    together(
        "a prepaid one begins later",
        "WaitingForControlPlaneNodes",
        "ready",
        f"begins {LATER}",
        inputs={"billing_type": "RESERVED"},
        reservation_start_time=LATER,
        gpu_worker_nodes=[],
    ),
    together(
        "its window has begun, and it has no node",
        "Scheduled",
        "pending",
        "Scheduled · 0 of 2 nodes",
        inputs=WINDOW,
        reservation_start_time=LONG_AGO,
        gpu_worker_nodes=[],
        kube_config="",
    ),
    together(
        "its window has begun, and its phase is still the first",
        "WaitingForControlPlaneNodes",
        "pending",
        "0 of 2",
        inputs={**WINDOW, "reservation_start_time": LONG_AGO},
        phase_transitions=phases("QUEUED", "SCHEDULED"),
        gpu_worker_nodes=[],
    ),
    together(
        "by the cloud's own clock its window has begun",
        "Scheduled",
        "pending",
        inputs=WINDOW,
        reservation_start_time=LATER,
        phase_transitions=[{"phase": "CLUSTER_PHASE_SCHEDULED", "transition_time": "2100-01-01T00:00:05Z"}],
    ),
    together("its window has begun, and it is there", "Ready", "ready", inputs=WINDOW, reservation_start_time=LONG_AGO),
    together("nobody says when its window begins", "Scheduled", "pending", inputs=WINDOW, gpu_worker_nodes=[]),
    together("an on-demand one is queued", "Scheduled", "pending", "Scheduled"),
    # Auto-scaling.
    together(
        "it has scaled itself up", "Ready", "ready", inputs={"auto_scale": True}, num_gpus=24, gpu_worker_nodes=nodes(3)
    ),
    together(
        "it has scaled itself up, and shows the old number",
        "Ready",
        "ready",
        inputs={"auto_scale": True},
        gpu_worker_nodes=nodes(3),
    ),
    together(
        "it scales itself and is short of a node",
        "Ready",
        "pending",
        "1 of 2",
        inputs={"auto_scale": True},
        gpu_worker_nodes=nodes(1),
    ),
    # Updates: what they changed, and nothing else.
    together(
        "the load balancer was changed; somebody else has scaled it",
        "Ready",
        "ready",
        asked=BALANCER,
        num_gpus=24,
        gpu_worker_nodes=nodes(3),
    ),
    together(
        "the load balancer was changed; a node has failed since long",
        "Ready",
        "ready",
        asked=BALANCER,
        gpu_worker_nodes=[*nodes(1), node(1, "FAILED")],
    ),
    together(
        "the load balancer was changed; this key sees no kubeconfig", "Ready", "ready", asked=BALANCER, kube_config=""
    ),
    together(
        "the load balancer was changed, and it is at work", "InstallingDrivers", "pending", asked=BALANCER, **ONCE
    ),
    together(
        "the load balancer was changed on a degraded one",
        "Degraded",
        "ready",
        "unhealthy",
        asked=BALANCER,
        gpu_worker_nodes=nodes(1),
        **ONCE,
    ),
    together(
        "the load balancer was changed, and the credits ran out",
        "OnDemandComputePaused",
        "blocked",
        asked=BALANCER,
        **ONCE,
    ),
    together(
        "it was imported while its auto-scaler had scaled it",
        "Ready",
        "ready",
        asked=BALANCER,
        inputs={"auto_scale": True},
        num_gpus=32,
        gpu_worker_nodes=nodes(4),
    ),
    together(
        "it grows, and two nodes have not come",
        "Ready",
        "pending",
        "2 of 4 nodes running",
        asked=GPUS,
        inputs={"num_gpus": 32},
        num_gpus=32,
    ),
    together(
        "it grows, and all nodes are there",
        "Ready",
        "ready",
        "4 of 4",
        asked=GPUS,
        inputs={"num_gpus": 32},
        num_gpus=32,
        gpu_worker_nodes=nodes(4),
    ),
    together("it grows without a kubeconfig for this key", "Ready", "ready", asked=GPUS, kube_config=""),
    together(
        "it shrinks, and a node is still there",
        "Ready",
        "pending",
        "2 nodes running, 1 wanted",
        asked=GPUS,
        inputs={"num_gpus": 8},
        num_gpus=8,
        missing="16 GPUs still run where 8 are wanted, and may cost money",
    ),
    together(
        "it shrinks, and the node is marked",
        "Ready",
        "ready",
        "1 of 1",
        asked=GPUS,
        inputs={"num_gpus": 8},
        num_gpus=8,
        gpu_worker_nodes=[node(0), node(1, marked_for_deletion=True)],
    ),
    together(
        "it grows, and the cloud has not heard of it yet",
        "Ready",
        "pending",
        "16 of 32 GPUs asked for",
        asked=GPUS,
        inputs={"num_gpus": 32},
        missing="Together aims at 16 GPUs and not at 32",
    ),
    together(
        "it grows while somebody else scales it",
        "Ready",
        "pending",
        "24 of 16 GPUs asked for",
        asked=GPUS,
        num_gpus=24,
        gpu_worker_nodes=nodes(3),
        missing="Together aims at 24 GPUs and not at 16",
    ),
    together(
        "it grows while it is degraded",
        "Degraded",
        "pending",
        "2 of 4",
        asked=GPUS,
        inputs={"num_gpus": 32},
        num_gpus=32,
        **ONCE,
    ),
    together("nothing was changed, it only was paused", "Ready", "ready", asked=(), gpu_worker_nodes=nodes(1)),
]

FULL: Properties = json.loads((FIXTURES / "shadeform_cluster.json").read_text())
MACHINES: Properties = {"cloud": "denvr", "region": "houston-usa-1", "cluster_type": "H100_sxm5x8", "num_instances": 2}


def members(*statuses: str, **more: Any) -> list[Properties]:
    machine: Properties = {**FULL["instances"][0], "ip": "203.0.113.1", "deleted_at": None, **more}
    return [{**machine, "name": f"m-{index}", "status": status} for index, status in enumerate(statuses)]


def shadeform(said: str, state: str, words: str = "", *, missing: str = "", **shown: Any) -> Row:
    return Row(said, SHADEFORM, {**FULL, **shown}, MACHINES, ALL, state, words, missing)


FEWER = "of 2 instances are shown as active with an address"
SHADEFORM_ROWS = [
    shadeform("it is there", "ready", "active · ready · 2 of 2 instances active"),
    shadeform("nothing is said beside its status", "ready", "active · 2 of 2 instances active", status_details=None),
    shadeform(
        "a machine is not listed", "pending", "1 of 2 instances", instances=members("active"), missing=f"only 1 {FEWER}"
    ),
    shadeform("no machine is listed", "pending", "0 of 2 instances", instances=[], missing=f"only 0 {FEWER}"),
    shadeform("its reply has no list of machines", "pending", "0 of 2", instances=None, missing=f"only 0 {FEWER}"),
    shadeform(
        "a machine still comes up",
        "pending",
        "1 of 2",
        instances=members("active", "pending"),
        missing=f"only 1 {FEWER}",
    ),
    shadeform(
        "its machines have no address",
        "pending",
        "0 of 2",
        instances=members("active", "active", ip=None),
        missing=f"only 0 {FEWER}",
    ),
    shadeform("a machine that was deleted is still listed", "ready", instances=members("active", "active", "deleted")),
    shadeform("a machine is on its way out", "ready", instances=members("active", "deleting", "active")),
    shadeform(
        "a spare machine keeps nobody waiting", "ready", "3 of 2", instances=members("active", "active", "active")
    ),
    shadeform("a spare machine is in error", "ready", instances=members("active", "active", "error")),
    shadeform("a machine is in error", "blocked", "in error: m-1", instances=members("active", "error")),
    shadeform("it is made", "pending", "creating", status="creating", instances=[]),
    shadeform(
        "its cloud places it",
        "pending",
        "pending_provider · Placing",
        status="pending_provider",
        status_details="Placing",
    ),
    shadeform(
        "a machine is in error while it comes up",
        "pending",
        "1 of 2",
        status="pending",
        instances=members("active", "error"),
    ),
    shadeform("nobody has heard of this status", "pending", "rebalancing", status="rebalancing"),
    shadeform("there is no status", "pending", "no status yet", status=None),
    shadeform(
        "it failed, and says why",
        "failed",
        "error: no capacity; the cluster may still cost",
        status="error",
        status_details="no capacity",
    ),
    shadeform(
        "it failed without a word", "failed", "error; the cluster may still cost", status="error", status_details=None
    ),
    shadeform("it is on its way out", "failed", "deleting", status="deleting"),
    shadeform("it is gone", "failed", "deleted", status="deleted"),
]
ROWS = TOGETHER_ROWS + SHADEFORM_ROWS


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.lifecycle.token.partition(':')[0]}: {row.said}" for row in ROWS])
def test_readiness(row: Row) -> None:
    info = parse_info(row.lifecycle.info_body, row.reply)
    stands = readiness_of(row.lifecycle, info, row.inputs, row.asked)
    assert (stands.state, row.words in stands.message) == (row.state, True), stands
    assert row.missing in stands.missing and bool(row.missing) == bool(stands.missing), stands


@pytest.mark.parametrize("lifecycle", [TOGETHER, SHADEFORM], ids=lambda it: it.token)
def test_nothing_ready_lacks_anything(lifecycle: Lifecycle[Any]) -> None:
    """What a wait goes on without is never said of what is not waited for."""
    for row in ROWS:
        if row.lifecycle is lifecycle:
            stands = readiness_of(lifecycle, parse_info(lifecycle.info_body, row.reply), row.inputs, row.asked)
            assert not stands.missing or stands.state == "pending", row.said


# --- What is wrong with a cluster that is in use ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (together("", "Ready", ""), None),
        (together("", "InstallingDrivers", ""), None),
        (together("", "Ready", "", gpu_worker_nodes=nodes(1)), None),
        (together("", "Paused", ""), "Paused: Together has paused the cluster"),
        (together("", "OnDemandComputePaused", ""), "credits ran out"),
        (together("", "Deleting", ""), "the cluster is being deleted"),
        (
            together("", "Degraded", "", gpu_worker_nodes=[node(0), node(1, "FAILED", **REPAIR)]),
            "the repair of node-1 waits for your approval in Together's console · Together reports",
        ),
        (together("", "Scheduled", "", reservation_start_time=LATER), None),
        (
            together("", "Scheduled", "", reservation_start_time=LONG_AGO),
            "its reserved time has begun, and it is not ready",
        ),
        (together("", "WaitingForDataPlaneNodes", "", reservation_start_time=LONG_AGO, **ONCE), None),
        (shadeform("", ""), None),
        (shadeform("", "", status="error", status_details="lost"), "error: lost"),
        (shadeform("", "", status="deleting", status_details="preempted"), "being deleted (preempted)"),
        (shadeform("", "", instances=members("active", "error")), "in error: m-1"),
        (shadeform("", "", status="pending", instances=members("error")), None),
    ],
)
def test_trouble(row: Row, words: str | None) -> None:
    said = row.lifecycle.trouble(parse_info(row.lifecycle.info_body, row.reply))
    assert said is None if words is None else words in (said or ""), said
