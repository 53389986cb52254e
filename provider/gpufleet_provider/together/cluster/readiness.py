"""When a Together cluster is ready: what its status says, held against the nodes that it really has.

Pure, and without a clock: patience is the waiter's. What is decided here where the vendor's documents are silent:

- Ready counts once GPU nodes with the declared number of GPUs run, since the status may stay Ready while nodes come and
  go; a Kubernetes cluster also has its kubeconfig by then, since an empty one sends Kubernetes clients elsewhere.
- Degraded is waited for while the cluster comes up: the platform may still repair it. Once a cluster has been ready,
  repairs are the platform's business, and a Degraded one only has to have the nodes that were asked for.
- A test that failed is the end of a cluster that has never been ready, and nothing to replace any other for.
- A paused cluster is kept: credits bring it back, and a replacement would be paused as well.
- Preemptible GPUs may never come, so nothing waits for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gpufleet_provider.model.fields import Properties, parse_instant
from gpufleet_provider.model.lifecycle import Readiness
from gpufleet_provider.together.cluster.outputs import GpuWorkerNode

if TYPE_CHECKING:
    from gpufleet_provider.together.cluster.bodies import ClusterInfo

GPUS_PER_NODE = 8
"""Of a node that does not say."""
PREEMPTIBLE = "gpu-preemptible-dp"
"""Part of the name of every preemptible node."""
_NOT_RUNNING = re.compile(
    r"(?i)(pending|schedul|creating|provisioning|boot|starting|not.?ready|unknown|paused|stopp|fail|error|terminat|delet)"
)
"""Statuses of a node without phases in which it does not run; the field is free text: in any other it does."""


def readiness(info: ClusterInfo, inputs: Properties) -> Readiness:
    """Judge a reply against the declared inputs; an unknown status is pending."""
    status = info.status or "no status yet"
    phase = latest_phase(info.phase_transitions or ())
    had_been_ready = bool(info.first_ready_at) or any(
        step.phase == "CLUSTER_PHASE_READY" for step in info.phase_transitions or ()
    )
    if status == "Deleting":
        return Readiness("failed", "Deleting: the cluster is on its way out")
    if status in ("Paused", "OnDemandComputePaused"):
        why = "usually because credits ran out" if status == "OnDemandComputePaused" else "see its console for why"
        return Readiness(
            "blocked",
            f"{status}: Together has paused the cluster, {why}; it is kept, and may still cost money. "
            "Once it runs again, `pulumi up` goes on from here",
        )
    if phase.endswith("_FAILED") and status not in ("Ready", "Degraded") and not had_been_ready:
        return Readiness("failed", f"{_in_words(phase)}: the cluster did not pass Together's tests")
    if inputs.get("billing_type") == "SCHEDULED_CAPACITY" and (
        status == "Scheduled" or (phase == "CLUSTER_PHASE_SCHEDULED" and status != "Ready")
    ):
        begins = info.reservation_start_time or inputs.get("reservation_start_time")
        return Readiness("ready", f"Scheduled · begins {begins}")
    workers = Workers.of(info, inputs)
    words = " · ".join(_distinct(status, "" if status in ("Ready", "Degraded") else _in_words(phase), workers.message))
    if status == "Ready":
        if not workers.all_run:
            return Readiness("pending", words)
        if info.cluster_type != "SLURM" and not info.kube_config:
            return Readiness("pending", f"{words} · no kubeconfig yet")
        return Readiness("ready", words)
    if status == "Degraded" and had_been_ready and workers.all_present:
        return Readiness("ready", f"{words} · Together reports unhealthy nodes")
    return Readiness("pending", words)


class _Step(Protocol):
    """What the histories of clusters and nodes have in common."""

    phase: str
    transition_time: str


def latest_phase(transitions: Sequence[_Step]) -> str:
    """Return the phase that was entered last, or ''; where times are equal or unreadable, the order decides."""
    latest, latest_time = "", float("-inf")
    for step in transitions:
        try:
            entered = parse_instant(step.transition_time or "").timestamp()
        except ValueError:
            entered = latest_time
        if step.phase and entered >= latest_time:
            latest, latest_time = step.phase, entered
    return latest


def _in_words(phase: str) -> str:
    """`CLUSTER_PHASE_INSTALLING_DRIVERS` as the status of the same meaning, `InstallingDrivers`."""
    return "".join(word.capitalize() for word in phase.removeprefix("CLUSTER_PHASE_").split("_"))


def _distinct(*words: str) -> Iterable[str]:
    return [word for word in dict.fromkeys(words) if word]


# --- Nodes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workers:
    """The standard GPU nodes of a reply against the number of GPUs that was declared."""

    all_run: bool
    """Nodes with exactly the declared GPUs run (with auto-scaling, at least so many), and the cloud wants no other."""
    all_present: bool
    """The same, whether they run or not."""
    message: str
    """Such as `3 of 8 nodes running`; empty where the reply has no list of nodes."""

    @classmethod
    def of(cls, info: ClusterInfo, inputs: Properties) -> Workers:
        """Count the nodes of a reply."""
        wanted: int | None = inputs.get("num_gpus", info.num_gpus)
        if info.gpu_worker_nodes is None or wanted is None:  # pyright: ignore[reportUnnecessaryComparison]
            return cls(True, True, "")
        nodes = [node for node in info.gpu_worker_nodes if _counts(node)]
        running = [node for node in nodes if _runs(node)]
        per_node = max((node.num_gpus or GPUS_PER_NODE for node in nodes), default=GPUS_PER_NODE)
        auto_scale = bool(inputs.get("auto_scale"))
        aims_elsewhere = not auto_scale and info.num_gpus is not None and info.num_gpus != wanted  # pyright: ignore[reportUnnecessaryComparison]

        def enough(gpus: int) -> bool:
            return (gpus >= wanted if auto_scale else gpus == wanted) and not aims_elsewhere

        expected_nodes = -(-wanted // per_node)
        words = f"{len(running)} of {expected_nodes} nodes running"
        if len(running) > expected_nodes:
            words = f"{len(running)} nodes running, {expected_nodes} wanted"
        if aims_elsewhere:
            words += f" · {info.num_gpus} of {wanted} GPUs asked for"
        return cls(enough(_gpus(running)), enough(_gpus(nodes)), words)


def _gpus(nodes: list[GpuWorkerNode]) -> int:
    return sum(node.num_gpus or GPUS_PER_NODE for node in nodes)


def _counts(node: GpuWorkerNode) -> bool:
    names = f"{node.node_id} {node.host_name}"
    return PREEMPTIBLE not in names and not node.marked_for_deletion and not node.deleted_at


def _runs(node: GpuWorkerNode) -> bool:
    phase = latest_phase(node.phase_transitions or ())
    if phase:
        return phase == "NODE_PHASE_RUNNING"
    return not _NOT_RUNNING.match(node.status or "")
