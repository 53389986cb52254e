"""Whether a Together cluster is ready: its status, compared with the nodes that it really has.

Pure, and without a clock: time limits are the waiter's. What is decided here where the vendor's documents are silent:

- Ready counts once GPU nodes with the declared number of GPUs run, since the status may stay Ready while nodes come and
  go; a Kubernetes cluster also has its kubeconfig by then, since an empty one sends Kubernetes clients elsewhere.
- Degraded is waited for while the cluster comes up: the platform may still repair it. Once a cluster has been ready,
  repairs are the platform's business, and a Degraded one only has to have the nodes that were asked for.
- A test that failed is not the end: Together looks into it and adds the nodes once they pass, so it is waited for.
- A paused cluster is kept: credits bring it back, and a replacement would be paused as well.
- Preemptible GPUs may never come, so nothing waits for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gpufleet_provider.model.fields import Properties, parse_instant
from gpufleet_provider.model.lifecycle import Readiness
from gpufleet_provider.together.cluster.bodies import ClusterInfo
from gpufleet_provider.together.cluster.outputs import ClusterPhaseTransition, GpuWorkerNode, NodePhaseTransition

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
    had_been_ready = has_been_ready(info)
    if status == "Deleting":
        return Readiness("failed", "Deleting: the cluster is being deleted")
    if status in ("Paused", "OnDemandComputePaused"):
        why = "usually because credits ran out" if status == "OnDemandComputePaused" else "see its console for why"
        return Readiness(
            "blocked",
            f"{status}: Together has paused the cluster, {why}; it is kept, and may still cost money. "
            "Once it runs again, `pulumi up` goes on from here",
        )
    if inputs.get("billing_type") == "SCHEDULED_CAPACITY" and (
        status == "Scheduled" or (phase == "CLUSTER_PHASE_SCHEDULED" and status != "Ready")
    ):
        begins = info.reservation_start_time or inputs.get("reservation_start_time")
        return Readiness("ready", f"Scheduled · begins {begins}")
    workers = Workers.of(info, inputs)
    doing = "" if status in ("Ready", "Degraded") else _status_of_phase(phase)
    if doing and phase.endswith("_FAILED") and not had_been_ready:
        doing += ", which Together looks into; it may take long, and `pulumi destroy` deletes the cluster"
    message = " · ".join(part for part in dict.fromkeys((status, doing, workers.message)) if part)
    if status == "Ready":
        if not workers.all_run:
            return Readiness("pending", message)
        if info.cluster_type != "SLURM" and not info.kube_config:
            return Readiness("pending", f"{message} · no kubeconfig yet")
        return Readiness("ready", message)
    if status == "Degraded" and had_been_ready and workers.all_present:
        return Readiness("ready", f"{message} · Together reports unhealthy nodes")
    return Readiness("pending", message)


def has_been_ready(info: ClusterInfo) -> bool:
    """Return whether a cluster was ready once: from then on it may hold work."""
    return bool(info.first_ready_at) or any(
        step.phase == "CLUSTER_PHASE_READY" for step in info.phase_transitions or ()
    )


def latest_phase(transitions: Sequence[ClusterPhaseTransition | NodePhaseTransition]) -> str:
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


def _status_of_phase(phase: str) -> str:
    """Return the status of the same meaning: `InstallingDrivers` for `CLUSTER_PHASE_INSTALLING_DRIVERS`."""
    return "".join(word.capitalize() for word in phase.removeprefix("CLUSTER_PHASE_").split("_"))


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
        if info.gpu_worker_nodes is None or wanted is None:
            return cls(True, True, "")
        nodes = [node for node in info.gpu_worker_nodes if _counts(node)]
        running = [node for node in nodes if _runs(node)]
        per_node = max((node.num_gpus or GPUS_PER_NODE for node in nodes), default=GPUS_PER_NODE)
        auto_scale = bool(inputs.get("auto_scale"))
        aims_elsewhere = not auto_scale and info.num_gpus is not None and info.num_gpus != wanted

        def enough(gpus: int) -> bool:
            return (gpus >= wanted if auto_scale else gpus == wanted) and not aims_elsewhere

        expected_nodes = -(-wanted // per_node)
        message = f"{len(running)} of {expected_nodes} nodes running"
        if len(running) > expected_nodes:
            message = f"{len(running)} nodes running, {expected_nodes} wanted"
        if aims_elsewhere:
            message += f" · {info.num_gpus} of {wanted} GPUs asked for"
        return cls(enough(_gpus(running)), enough(_gpus(nodes)), message)


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
