"""The nodes of a simulated Together cluster: how they boot, fail and leave."""

from __future__ import annotations

from uuid import NAMESPACE_OID, uuid5

from gpufleet_provider.together.simulator.catalogue import GPUS_PER_NODE
from gpufleet_provider.together.simulator.provisioning import DRAIN_SECONDS, SCALE_UP_SECONDS, boot_plan
from gpufleet_provider.together.simulator.records import Cluster, LifecycleEvent, Node, PhaseChange

EVENTS_KEPT = 50


def plan_control_plane(cluster: Cluster, at: float, seconds: float) -> None:
    """Plan one control plane node, or three for four GPU nodes or more, that boot within `seconds`."""
    count = 1 if cluster.num_gpus < 4 * GPUS_PER_NODE else 3
    for offsets in boot_plan(count, seconds):
        _plan(cluster, _next_id(cluster, "cp"), at, offsets)


def plan_workers(cluster: Cluster, count: int, at: float, seconds: float, plane: str = "gpu-dp") -> None:
    """Plan `count` GPU nodes that boot one after the other within `seconds`."""
    for offsets in boot_plan(count, seconds):
        _plan(cluster, _next_id(cluster, plane), at, offsets)


def enter_phase(cluster: Cluster, detail: str, now: float) -> None:
    """Let a node enter a phase; the first one adds the node to the cluster. `detail` is `<node id> <phase>`."""
    node_id, phase = detail.split(" ")
    node = cluster.node(node_id)
    if node is None:
        node = Node(
            node_id=node_id,
            instance_id=str(uuid5(NAMESPACE_OID, f"{cluster.id}/{node_id}")),
            is_preemptible="gpu-preemptible-dp" in node_id,
        )
        plane = cluster.control_plane_nodes if "-cp-" in node_id else cluster.workers
        plane.append(node)
        if cluster.ready is not None and plane is cluster.workers:
            add_event(cluster, node_id, "TogetherScaledUp", f"Node {node_id} was added to the cluster", now)
    node.phases.append(PhaseChange(phase=phase, at=now))
    node.status = phase.removeprefix("NODE_PHASE_").capitalize()


def expected_workers(cluster: Cluster) -> int:
    """The number of standard worker nodes that the cluster has or that are planned, without those that leave."""
    coming = {
        event.detail.split(" ")[0]
        for event in cluster.agenda
        if event.name == "node" and "-gpu-dp-" in event.detail and cluster.node(event.detail.split(" ")[0]) is None
    }
    return len(cluster.remaining_workers) + len(coming)


def scale(cluster: Cluster, now: float, first: str) -> float:
    """Plan the standard nodes that are missing or too many; returns the cloud time at which that is done."""
    wanted = -(-cluster.wanted_gpus // GPUS_PER_NODE)
    change = wanted - expected_workers(cluster)
    if change > 0:
        seconds = SCALE_UP_SECONDS * cluster.pace
        plan_workers(cluster, change, now, seconds)
        return now + seconds
    leaving = _first_to_leave(cluster, first)[: max(-change, 0)]
    for place, node in enumerate(leaving):
        node.marked_for_deletion = True
        cluster.plan(now + (place + 1) * DRAIN_SECONDS * cluster.pace, "retire", node.node_id)
    return now + len(leaving) * DRAIN_SECONDS * cluster.pace


def retire(cluster: Cluster, node_id: str, reason: str, now: float) -> bool:
    """Move a worker to the deleted ones; false if it has left already."""
    node = cluster.node(node_id)
    if node is None or node not in cluster.workers:
        return False
    cluster.workers.remove(node)
    node.deleted_at = now
    node.status = "Deleted"
    node.phases.append(PhaseChange(phase="NODE_PHASE_SUCCEEDED", at=now))
    cluster.deleted_workers.append(node)
    add_event(cluster, node_id, reason, f"Node {node_id} left the cluster", now)
    return True


def add_event(cluster: Cluster, node_id: str, reason: str, message: str, now: float) -> None:
    """Add a node lifecycle event; only the latest are kept."""
    cluster.events.append(LifecycleEvent(node_id=node_id, reason=reason, message=message, at=now))
    del cluster.events[:-EVENTS_KEPT]


def set_all(cluster: Cluster, phase: str, now: float) -> None:
    """Let every worker enter a phase."""
    for node in cluster.workers:
        enter_phase(cluster, f"{node.node_id} {phase}", now)


def _first_to_leave(cluster: Cluster, first: str) -> list[Node]:
    nodes = cluster.remaining_workers
    if first == "oldest":
        return nodes
    newest = nodes[::-1]
    return newest if first == "newest" else sorted(newest, key=lambda node: node.status == "Running")


def _next_id(cluster: Cluster, plane: str) -> str:
    cluster.nodes_made += 1
    return f"{cluster.id[:8]}-{plane}-{cluster.nodes_made}"


def _plan(cluster: Cluster, node_id: str, at: float, offsets: list[tuple[str, float]]) -> None:
    for phase, offset in offsets:
        cluster.plan(at + offset, "node", f"{node_id} {phase}")
