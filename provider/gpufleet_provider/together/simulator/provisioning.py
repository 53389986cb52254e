"""The phases of a simulated Together cluster, in the vendor's order, and every duration in seconds of cloud time."""

from __future__ import annotations

from typing import NamedTuple

from gpufleet_provider.simulator.faults import PlannedFailureKind
from gpufleet_provider.together.simulator.records import Cluster

READY_PHASE = "CLUSTER_PHASE_READY"


class Step(NamedTuple):
    """A phase, how long it takes, and which kind of cluster has it; empty means all."""

    phase: str
    seconds: float
    only_with: str = ""


PROVISIONING = (
    Step("CLUSTER_PHASE_QUEUED", 10),
    Step("CLUSTER_PHASE_SCHEDULED", 20),
    Step("CLUSTER_PHASE_WAITING_FOR_CONTROL_PLANE_NODES", 120),
    Step("CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES", 200),
    Step("CLUSTER_PHASE_WAITING_FOR_SUBNET", 30),
    Step("CLUSTER_PHASE_WAITING_FOR_SHARED_VOLUME", 40, "volume"),
    Step("CLUSTER_PHASE_WAITING_FOR_AUTO_SCALER", 30, "auto_scale"),
    Step("CLUSTER_PHASE_INSTALLING_DRIVERS", 180),
    Step("CLUSTER_PHASE_RUNNING_ACCEPTANCE_TESTS", 120, "tests"),
    Step("CLUSTER_PHASE_RUNNING_NCCL_TESTS", 60, "nccl"),
)
USUAL_SECONDS = sum(step.seconds for step in PROVISIONING if not step.only_with)
"""How long the shortest provisioning takes."""

FAILURE_EVENTS: dict[PlannedFailureKind, str] = {"degraded": "degrade", "paused": "pause", "vanished": "vanish"}
"""The event of each planned failure that happens when provisioning is over, or at a time of its own."""

DIAG_SECONDS = {
    "DCGM_DIAG_LEVEL_SHORT": 60.0,
    "DCGM_DIAG_LEVEL_MEDIUM": 120.0,
    "DCGM_DIAG_LEVEL_LONG": 900.0,
    "DCGM_DIAG_LEVEL_EXTENDED": 3600.0,
}

NODE_BOOT = (
    ("NODE_PHASE_PENDING", 0.0),
    ("NODE_PHASE_SCHEDULING", 0.1),
    ("NODE_PHASE_BOOTING", 0.3),
    ("NODE_PHASE_BOOTSTRAPPING", 0.7),
    ("NODE_PHASE_RUNNING", 1.0),
)
"""A node's phases, and when each begins, as a share of its boot time."""

BOOT_SHARE = 0.4
"""Each node's share of the time in which all of them boot; they start one after the other."""

SCALE_UP_SECONDS = 240.0
DRAIN_SECONDS = 60.0
"""How long a node takes to leave; several leave one after the other."""
SWITCH_TYPE_SECONDS = 180.0
DELETE_SECONDS = 90.0
TOMBSTONE_SECONDS = 600.0
RETEST_SECONDS = 600.0
PREEMPTIBLE_SECONDS = 120.0
VOLUME_SECONDS = 30.0
VOLUME_DELETE_SECONDS = 20.0
REMEDIATION_SECONDS = 240.0

STATUSES = {
    "CLUSTER_PHASE_QUEUED": ("WaitingForControlPlaneNodes", "Queued"),
    "CLUSTER_PHASE_SCHEDULED": ("WaitingForControlPlaneNodes", "Scheduled"),
    "CLUSTER_PHASE_WAITING_FOR_CONTROL_PLANE_NODES": ("WaitingForControlPlaneNodes",) * 2,
    "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES": ("WaitingForDataPlaneNodes",) * 2,
    "CLUSTER_PHASE_WAITING_FOR_SUBNET": ("WaitingForSubnet",) * 2,
    "CLUSTER_PHASE_WAITING_FOR_SHARED_VOLUME": ("WaitingForSharedVolume",) * 2,
    "CLUSTER_PHASE_WAITING_FOR_AUTO_SCALER": ("WaitingForDataPlaneNodes", "WaitingForAutoScaler"),
    "CLUSTER_PHASE_INSTALLING_DRIVERS": ("InstallingDrivers",) * 2,
    "CLUSTER_PHASE_RUNNING_ACCEPTANCE_TESTS": ("RunningAcceptanceTests",) * 2,
    "CLUSTER_PHASE_ACCEPTANCE_TESTS_FAILED": ("RunningAcceptanceTests", "AcceptanceTestsFailed"),
    "CLUSTER_PHASE_RUNNING_NCCL_TESTS": ("RunningAcceptanceTests", "RunningNcclTests"),
    "CLUSTER_PHASE_NCCL_TESTS_FAILED": ("RunningAcceptanceTests", "NcclTestsFailed"),
    "CLUSTER_PHASE_READY": ("Ready",) * 2,
    "CLUSTER_PHASE_PAUSED": ("Paused",) * 2,
    "CLUSTER_PHASE_ON_DEMAND_COMPUTE_PAUSED": ("OnDemandComputePaused",) * 2,
    "CLUSTER_PHASE_DEGRADED": ("Degraded",) * 2,
    "CLUSTER_PHASE_DELETING": ("Deleting",) * 2,
}
"""The `status` of each phase: as the schema has it, and as a value that the schema does not list."""


def provisioning(cluster: Cluster) -> list[Step]:
    """The steps of this cluster to Ready, with its own durations."""
    tests = cluster.acceptance_tests
    is_tested = bool(tests.get("enabled"))
    reasons = {
        "": True,
        "volume": bool(cluster.volume_ids),
        "auto_scale": cluster.auto_scale,
        "tests": is_tested,
        "nccl": is_tested and cluster.num_gpus > 8 and not tests.get("nccl_multi_node_skipped"),
    }
    steps = [step for step in PROVISIONING if reasons[step.only_with]]
    if is_tested:
        level: str = tests.get("dcgm_diag_level", "DCGM_DIAG_LEVEL_MEDIUM")
        seconds = 0.0 if tests.get("dcgm_diag_skipped") else DIAG_SECONDS[level]
        seconds += 0.0 if tests.get("gpu_burn_skipped") else float(tests.get("gpu_burn_duration") or 30)
        steps = [
            step._replace(seconds=max(seconds, 10.0)) if step.phase.endswith("RUNNING_ACCEPTANCE_TESTS") else step
            for step in steps
        ]
    return steps


def failing(steps: list[Step], phase: str | None) -> tuple[list[Step], str]:
    """The steps to failed tests, and the phase in which they end: `phase`, or else the last tests of the cluster."""
    ran = [step.phase for step in steps if "TESTS" in step.phase]
    failed = phase or (ran[-1] if ran else "CLUSTER_PHASE_RUNNING_NCCL_TESTS")
    kind = "ACCEPTANCE" if "ACCEPTANCE" in failed else "NCCL"
    running = f"CLUSTER_PHASE_RUNNING_{kind}_TESTS"
    if running not in ran:
        steps = [*(step for step in steps if "TESTS" not in step.phase), Step(running, 60)]
    last = [step.phase for step in steps].index(running)
    return steps[: last + 1], f"CLUSTER_PHASE_{kind}_TESTS_FAILED"


def boot_plan(count: int, seconds: float) -> list[list[tuple[str, float]]]:
    """For each of `count` nodes that boot one after the other within `seconds`: its phases and when they begin."""
    boot = seconds * (BOOT_SHARE if count > 1 else 1.0)
    gap = (seconds - boot) / (count - 1) if count > 1 else 0.0
    return [[(phase, index * gap + share * boot) for phase, share in NODE_BOOT] for index in range(count)]
