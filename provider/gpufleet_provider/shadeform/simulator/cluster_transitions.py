"""The clusters of the simulated Shadeform, and what happens to them after the API call that created them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gpufleet_provider.shadeform.simulator.provisioning import (
    CLUSTER_DELETE_SECONDS,
    CLUSTER_SECONDS,
    CLUSTER_STEPS,
    FAILURE_EVENTS,
    LATE_MEMBER_SECONDS,
)
from gpufleet_provider.shadeform.simulator.records import Cluster, Machine
from gpufleet_provider.shadeform.simulator.stock import Stock
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.cloud import SimulatedCloud, Store
from gpufleet_provider.simulator.faults import PlannedFailure
from gpufleet_provider.simulator.record import Event


class ClusterTransitions(Store[Cluster, ShadeformSwitches]):
    """Every cluster, and its changes of status."""

    record_type = Cluster

    def __init__(self, cloud: SimulatedCloud[ShadeformSwitches], stock: Stock) -> None:
        super().__init__(cloud)
        self._stock = stock

    def load(self) -> None:
        """Load what an earlier run has saved."""
        super().load()
        for cluster in self.living.values():
            self._stock.take(cluster.offer, cluster.num_instances)

    def apply_event(self, record: Cluster, event: Event) -> None:
        """Carry out an event that was planned for the cluster."""
        record.updated_at = self.world.now
        if event.name == "status":
            status, _, details = event.detail.partition("|")
            self.enter(record, status, details)
        elif event.name == "member":
            number, status = event.detail.split(" ")
            self._enter_member(record, int(number), status)
        elif event.name == "visible":
            record.is_visible = True
        elif event.name == "degrade":
            self.degrade(record)
        elif event.name == "gone":
            self.end(record, record.gone_because)
        elif event.name == "vanish":
            self.end(record, "vanished")

    def intervene(self, record: Cluster, action: str, details: Mapping[str, Any]) -> None:
        """`vanish`, `edit`, `degrade`, `recover`, `fail`, `stick` or `delete`."""
        if action == "degrade":
            self.degrade(record)
        elif action == "recover":
            self.recover(record)
        elif action == "fail":
            self.fail(record, str(details.get("details", "Provisioning failed")))
        elif action == "stick":
            record.cancel("status", "member")
        elif action == "delete":
            self.begin_delete(record, "outside")
        else:
            super().intervene(record, action, details)

    def order(self, cluster: Cluster, failures: list[PlannedFailure]) -> None:
        """Keep a new cluster, rent its machines, and plan how it becomes active."""
        cluster.pace = self.world.pace(cluster.name, CLUSTER_SECONDS)
        self._stock.take(cluster.offer, cluster.num_instances)
        self.cloud.set_rate(cluster, cluster.offer.cents_per_hour / 100 * cluster.num_instances)
        self._plan_provisioning(cluster, failures)
        if self.cloud.switches.visible_after_seconds > 0:
            cluster.is_visible = False
            cluster.plan(self.world.now + self.cloud.switches.visible_after_seconds, "visible")
        self.insert(cluster)

    def _plan_provisioning(self, cluster: Cluster, failures: list[PlannedFailure]) -> None:
        start = self.world.now
        planned = {failure.kind: failure for failure in failures}
        stuck = planned.get("stuck")
        at = start
        for step in CLUSTER_STEPS:
            if at > start:
                cluster.plan(at, "status", f"{step.status}|{step.details}")
            if step.status == "pending_provider":
                self._plan_members(cluster, at, start + CLUSTER_SECONDS * cluster.pace)
            if stuck is not None and step.status == (stuck.phase or "pending_provider"):
                cluster.cancel("member")
                return
            at += step.seconds * cluster.pace
        if "provisioning_failed" in planned:
            cluster.plan(at, "status", "error|Provisioning failed at the cloud provider")
        elif "paused" in planned:
            cluster.plan(at, "status", "error|Paused by the cloud provider")
        else:
            cluster.plan(at, "status", "active|")
        for kind, event in FAILURE_EVENTS.items():
            failure = planned.get(kind)
            if failure is not None:
                cluster.plan(at if failure.after_seconds is None else start + failure.after_seconds, event)

    def _plan_members(self, cluster: Cluster, start: float, end: float) -> None:
        """Plan that the machines are placed and boot one after the other, a little before the cluster is active."""
        count = cluster.num_instances
        late = LATE_MEMBER_SECONDS * cluster.pace if self.cloud.switches.active_before_members else 0.0
        for number in range(count):
            placed = start + (end - start) * 0.5 * number / count
            up = placed + (end - start) * 0.45 + (late if number == count - 1 else 0.0)
            cluster.plan(placed, "member", f"{number} pending_provider")
            cluster.plan(placed + (up - placed) * 0.3, "member", f"{number} pending")
            cluster.plan(max(up, end + late) if late and number == count - 1 else up, "member", f"{number} active")

    def enter(self, cluster: Cluster, status: str, details: str) -> None:
        """Let the cluster enter a status, with its status_details."""
        cluster.status = status
        cluster.status_details = details or None
        cluster.updated_at = self.world.now
        if status == "pending":
            cluster.cloud_cluster_id = f"cluster-{cluster.id[:8]}"
        if status == "active" and cluster.active_at is None:
            cluster.cloud_cluster_id = f"cluster-{cluster.id[:8]}"
            cluster.active_at = self.world.now
            cluster.ready = self.world.stamp()

    def _enter_member(self, cluster: Cluster, number: int, status: str) -> None:
        now = self.world.now
        member = next((it for it in cluster.members if it.number == number), None)
        if member is None:
            member_id = str(uuid5(NAMESPACE_OID, f"{cluster.id}/{number}"))
            member = Machine(id=member_id, name=f"{cluster.name}-{number}", number=number, created_at=now)
            cluster.members.append(member)
        member.status = status
        if status == "active":
            member.active_at = now

    def begin_delete(self, cluster: Cluster, reason: str) -> None:
        """Mark the cluster and its machines as deleting, stop the billing, and plan the end."""
        cluster.cancel()
        cluster.delete_requested = self.world.stamp()
        cluster.gone_because = reason
        for member in cluster.members:
            member.status = "deleting"
        self.enter(cluster, "deleting", "Cluster is being deleted")
        cluster.plan(self.world.now + CLUSTER_DELETE_SECONDS, "gone")
        self.cloud.set_rate(cluster, 0)
        self.touch(cluster)

    def end(self, record: Cluster, reason: str) -> None:
        """Mark the cluster deleted, and give back its machines."""
        super().end(record, reason)
        record.status = "deleted"
        self._stock.give_back(record.offer, record.num_instances)

    def degrade(self, cluster: Cluster) -> None:
        """Fail one machine; the cluster stays active."""
        if cluster.members:
            cluster.members[-1].status = "error"

    def recover(self, cluster: Cluster) -> None:
        """Mark the cluster and all its machines active."""
        for member in cluster.members:
            member.status = "active"
        self.enter(cluster, "active", "")

    def fail(self, cluster: Cluster, details: str) -> None:
        """Mark the cluster as failed; it stays and is billed until it is deleted."""
        cluster.cancel("status", "member")
        self.enter(cluster, "error", details)
