"""Whether a Together cluster is ready: its status, compared with the nodes that it really has.

Pure but for today's date, which tells whether a reserved window has begun; time limits are the waiter's. What is
decided here where the vendor's documents are silent:

- Ready counts once GPU nodes with the declared number of GPUs run, since the status may stay Ready while nodes come and
  go; a Kubernetes cluster also has its kubeconfig by then, since an empty one sends Kubernetes clients elsewhere. A key
  that may never see the kubeconfig is not waited for without end: it is `missing`.
- An update is over when what it changed has come true. What else a cluster lacks, it lacked before.
- Degraded is waited for while the cluster comes up: the platform may still repair it. Once a cluster has been ready,
  repairs are the platform's business, and a Degraded one only has to have the nodes that were asked for.
- A test that failed is not the end: Together looks into it and adds the nodes once they pass, so it is waited for.
- A paused cluster is kept: credits bring it back, and a replacement would be paused as well.
- What is reserved for later is ready once it is accepted; what has begun is ready when its nodes run.
- Preemptible GPUs may never come, so nothing waits for them.
"""

from __future__ import annotations

import datetime
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
_PAUSED = ("Paused", "OnDemandComputePaused")
_NOT_RUNNING = re.compile(
    r"(?i)(pending|schedul|creating|provisioning|boot|starting|not.?ready|unknown|paused|stopp|fail|error|terminat|delet"
    r"|drain|evict|lost|offline|down$|preempt|unreachable|unhealthy|initiali|install|queued|joining|removed)"
)
"""Statuses of a node without phases in which it does not run; the field is free text: in any other it does."""
_CLOCKS_AGREE_WITHIN_SECONDS = 600.0
_VOLUME_IS_NOT_THERE = ("scheduled", "provisioning", "failed", "access_revoked")


# --- Judgements -----------------------------------------------------------------------------------------------------


def readiness(info: ClusterInfo, inputs: Properties) -> Readiness:
    """Judge a cluster that comes up against the declared inputs; an unknown status is pending."""
    nodes = Workers.of(info, inputs.get("num_gpus", info.num_gpus), at_least=True)
    early = _before_ready(info, inputs, nodes)
    if early is not None:
        return early
    message = _message(info, nodes)
    if not nodes.all_run or info.status != "Ready":
        return Readiness("pending", message, nodes.missing if info.status == "Ready" else "")
    cluster_type = info.cluster_type or inputs.get("cluster_type")
    if cluster_type != "SLURM" and not info.kube_config:
        return Readiness(
            "pending",
            f"{message} · no kubeconfig yet",
            "its kubeconfig is not shown (a key without the right to it never sees it), so that kube_config is empty",
        )
    if cluster_type != "SLURM" and info.control_plane_ready is False:
        return Readiness(
            "pending", f"{message} · control plane not ready", "its control plane is still shown as not ready"
        )
    if (volume := _missing_volume(info, inputs)) is not None:
        return Readiness("pending", f"{message} · {volume}", f"its {volume}")
    return Readiness("ready", message)


def update_readiness(info: ClusterInfo, inputs: Properties) -> Readiness:
    """Judge a cluster after an update; of the inputs that change in place, `inputs` has what the update changed."""
    exactly = not inputs.get("auto_scale")
    nodes = Workers.of(info, inputs.get("num_gpus"), at_least=not exactly)
    early = _before_ready(info, inputs, nodes)
    if early is not None:
        return early
    message = _message(info, nodes)
    if info.status != "Ready":
        return Readiness("pending", message)
    return Readiness("ready" if nodes.all_run else "pending", message, nodes.missing)


def trouble(info: ClusterInfo) -> str | None:
    """Return what is wrong with a cluster that has been accepted, whether a run waits for it or not."""
    if info.status == "Deleting":
        return "Deleting: the cluster is being deleted"
    if info.status in _PAUSED:
        return _paused(info.status)
    nodes = Workers.of(info, info.num_gpus, at_least=True)
    if info.status == "Degraded":
        return f"{_message(info, nodes)} · Together reports unhealthy nodes"
    begun = info.reservation_start_time is not None and _begins_later(info, {}) is None
    if begun and not has_been_ready(info) and info.status != "Ready":
        return f"its reserved time has begun, and it is not ready: {_message(info, nodes)}"
    return None


def _before_ready(info: ClusterInfo, inputs: Properties, nodes: Workers) -> Readiness | None:
    """Judge every status but those in which the cluster works; None for those, and for what is on its way there."""
    if info.status == "Deleting":
        return Readiness("failed", "Deleting: the cluster is being deleted")
    if info.status in _PAUSED:
        return Readiness("blocked", _paused(info.status))
    message = _message(info, nodes)
    if info.status == "Degraded" and has_been_ready(info) and nodes.all_present:
        return Readiness("ready", f"{message} · Together reports unhealthy nodes")
    if info.status in ("Ready", "Degraded"):
        return None
    begins = _begins_later(info, inputs)
    if begins is not None:
        return Readiness("ready", f"{info.status or 'accepted'} · begins {begins}")
    return None


def _paused(status: str | None) -> str:
    why = "usually because credits ran out" if status == "OnDemandComputePaused" else "see its console for why"
    return (
        f"{status}: Together has paused the cluster, {why}; it is kept, and may still cost money. "
        "Once it runs again, `pulumi up` goes on from here"
    )


def _message(info: ClusterInfo, nodes: Workers) -> str:
    status = info.status or "no status yet"
    phase = latest_phase(info.phase_transitions or ())
    doing = "" if status in ("Ready", "Degraded") else _status_of_phase(phase)
    if doing and phase.endswith("_FAILED") and not has_been_ready(info):
        doing += ", which Together looks into; it may take long, and `pulumi destroy` deletes the cluster"
    return " · ".join(part for part in dict.fromkeys((status, doing, nodes.message, _approvals(info))) if part)


def _approvals(info: ClusterInfo) -> str:
    """Say which nodes' repairs wait for a person: without one the cluster stays as it is."""
    names = [
        node.host_name or node.node_id or "a node"
        for node in info.gpu_worker_nodes or ()
        if node.latest_remediation is not None and node.latest_remediation.state == "PENDING_APPROVAL"
    ]
    if not names:
        return ""
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"the repair of {shown} waits for your approval in Together's console"


def _missing_volume(info: ClusterInfo, inputs: Properties) -> str | None:
    declared: Properties = inputs.get("shared_volume") or {}
    for volume in info.volumes or ():
        if volume.volume_name == declared.get("volume_name") and volume.status in _VOLUME_IS_NOT_THERE:
            return f"volume {volume.volume_name!r} is {volume.status}"
    return None


# --- Time -----------------------------------------------------------------------------------------------------------


def has_been_ready(info: ClusterInfo) -> bool:
    """Return whether a cluster was ready once: from then on it may hold work."""
    return bool(info.first_ready_at) or any(
        step.phase == "CLUSTER_PHASE_READY" for step in info.phase_transitions or ()
    )


def _begins_later(info: ClusterInfo, inputs: Properties) -> str | None:
    """Return when the reserved window begins if that lies ahead; None otherwise."""
    declared = inputs.get("reservation_start_time")
    begins = info.reservation_start_time or declared
    start = _seconds(begins)
    if start is None:
        return None
    # What the cloud has done is a lower bound of its clock, and a start that nobody asked for may be its own "now".
    done = (info.created_at, *(step.transition_time for step in info.phase_transitions or ()))
    latest = max([_now_seconds(), *(_seconds(instant) or 0.0 for instant in done)])
    margin_seconds = 0.0 if declared or info.status == "Scheduled" else _CLOCKS_AGREE_WITHIN_SECONDS
    return begins if start > latest + margin_seconds else None


def _seconds(instant: str | None) -> float | None:
    try:
        return parse_instant(instant).timestamp() if instant else None
    except (ValueError, OverflowError):
        return None


def _now_seconds() -> float:
    return datetime.datetime.now(tz=datetime.timezone.utc).timestamp()


def latest_phase(transitions: Sequence[ClusterPhaseTransition | NodePhaseTransition]) -> str:
    """Return the phase that was entered last, or ''; where times are equal or unreadable, the order decides."""
    latest, latest_time = "", float("-inf")
    for step in transitions:
        entered = _seconds(step.transition_time)
        entered = latest_time if entered is None else entered
        if step.phase and entered >= latest_time:
            latest, latest_time = step.phase, entered
    return latest


def _status_of_phase(phase: str) -> str:
    """Return the status of the same meaning: `InstallingDrivers` for `CLUSTER_PHASE_INSTALLING_DRIVERS`."""
    return "".join(word.capitalize() for word in phase.removeprefix("CLUSTER_PHASE_").split("_"))


# --- Nodes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workers:
    """The standard GPU nodes of a reply against the number of GPUs that is wanted."""

    all_run: bool
    """Nodes with the wanted GPUs run, and the cloud wants no other number."""
    all_present: bool
    """The same, whether they run or not."""
    message: str
    """Such as `3 of 8 nodes running`; empty where the reply has no list of nodes, or no number is wanted."""
    missing: str = ""
    """What alone is wrong with the nodes, where waiting for it might never end."""

    @classmethod
    def of(cls, info: ClusterInfo, wanted: int | None, *, at_least: bool) -> Workers:
        """Count the nodes of a reply; `at_least` says that more than are wanted do no harm."""
        if info.gpu_worker_nodes is None or wanted is None:
            return cls(True, True, "")
        nodes = _standard_nodes(info)
        running = [node for node in nodes if _runs(node)]
        per_node = max((_gpus((node,)) for node in nodes), default=0) or GPUS_PER_NODE
        expected_nodes = -(-wanted // per_node)
        message = f"{len(running)} of {expected_nodes} nodes running"
        if len(running) > expected_nodes and not at_least:
            message = f"{len(running)} nodes running, {expected_nodes} wanted"
        run, present = _gpus(running), _gpus(nodes)
        enough = run >= wanted if at_least else run == wanted
        # An auto-scaler may show its own number.
        shown = info.num_gpus if info.num_gpus is not None else wanted
        if shown < wanted or (shown > wanted and not at_least):
            message += f" · {shown} of {wanted} GPUs asked for"
            missing = f"Together aims at {shown} GPUs and not at {wanted}" if run == shown else ""
            return cls(False, False, message, missing)
        blank = sum(node.num_gpus == 0 for node in running)
        missing = ""
        if run < wanted <= run + blank * per_node:
            missing = f"{blank} of its {len(running)} running nodes are shown without GPUs"
            message += f" · {blank} of them without GPUs"
        elif run > wanted and not enough:
            missing = f"{run} GPUs still run where {wanted} are wanted, and may cost money"
        return cls(enough, present >= wanted, message, missing)


def _standard_nodes(info: ClusterInfo) -> list[GpuWorkerNode]:
    """Return the nodes that count as capacity, each once."""
    left = {node.node_id for node in info.deleted_gpu_worker_nodes or () if node.node_id}
    nodes: dict[object, GpuWorkerNode] = {}
    for index, node in enumerate(info.gpu_worker_nodes or ()):
        preemptible = PREEMPTIBLE in f"{node.node_id} {node.host_name}"
        if not (preemptible or node.marked_for_deletion or node.deleted_at or node.node_id in left):
            nodes[node.node_id or index] = node
    return list(nodes.values())


def _gpus(nodes: Sequence[GpuWorkerNode]) -> int:
    return sum(GPUS_PER_NODE if node.num_gpus is None else node.num_gpus for node in nodes)


def _runs(node: GpuWorkerNode) -> bool:
    phase = latest_phase(node.phase_transitions or ())
    if phase:
        return phase == "NODE_PHASE_RUNNING"
    return not _NOT_RUNNING.match(node.status or "")
