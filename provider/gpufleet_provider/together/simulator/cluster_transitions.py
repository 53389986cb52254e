"""The clusters of the simulated Together, and what happens to them after the API call that created them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpufleet_provider.simulator.cloud import SimulatedCloud, Store
from gpufleet_provider.simulator.faults import PlannedFailure
from gpufleet_provider.simulator.record import Event
from gpufleet_provider.together.simulator import nodes
from gpufleet_provider.together.simulator.catalogue import (
    GPU_SHAPES,
    GPUS_PER_NODE,
    PREEMPTIBLE_DISCOUNT,
    RESERVED_DISCOUNT,
)
from gpufleet_provider.together.simulator.provisioning import (
    DELETE_SECONDS,
    FAILURE_EVENTS,
    PREEMPTIBLE_SECONDS,
    READY_PHASE,
    RETEST_SECONDS,
    STATUSES,
    TOMBSTONE_SECONDS,
    USUAL_SECONDS,
    failing,
    provisioning,
)
from gpufleet_provider.together.simulator.records import Cluster, PhaseChange
from gpufleet_provider.together.simulator.stock import Stock
from gpufleet_provider.together.simulator.switches import TogetherSwitches
from gpufleet_provider.together.simulator.volumes import Volumes


class ClusterTransitions(Store[Cluster, TogetherSwitches]):
    """Every cluster, and its changes of phase, size and price; `listed` are those that the list shows."""

    record_type = Cluster

    def __init__(self, cloud: SimulatedCloud[TogetherSwitches], volumes: Volumes, stock: Stock) -> None:
        super().__init__(cloud)
        self.listed: dict[str, Cluster] = {}
        self._volumes = volumes
        self._stock = stock

    def load(self) -> None:
        """Load what an earlier run has saved."""
        super().load()
        for cluster in self.all.values():
            if cluster.is_visible and (cluster.gone is None or cluster.is_tombstone):
                self.listed[cluster.id] = cluster
        for cluster in self.living.values():
            self._stock.sell(cluster, cluster.sold_gpus)
            self._stock.allocate_preemptible(cluster, cluster.preemptible_gpus)

    def apply_event(self, record: Cluster, event: Event) -> None:
        """Carry out an event that was planned for the cluster."""
        cluster = record
        now = self.world.now
        if event.name == "phase":
            self.enter(cluster, event.detail)
        elif event.name == "node":
            nodes.enter_phase(cluster, event.detail, now)
            self.update_rate(cluster)
        elif event.name == "retire":
            nodes.retire(cluster, event.detail, "TogetherScaledDown", now)
            self.update_rate(cluster)
        elif event.name == "visible":
            cluster.is_visible = True
            self.listed[cluster.id] = cluster
        elif event.name == "preemptible":
            self._fulfil_preemptible(cluster)
        elif event.name == "degrade":
            self.degrade(cluster)
        elif event.name == "pause":
            self.pause(cluster)
        elif event.name == "decommission":
            self.begin_delete(cluster, event.detail)
        elif event.name == "vanish":
            self.end(cluster, "vanished")
        elif event.name == "gone":
            self._finish_delete(cluster)
        elif event.name == "forget":
            cluster.is_tombstone = False
            self.listed.pop(cluster.id, None)

    def intervene(self, record: Cluster, action: str, details: Mapping[str, Any]) -> None:
        """`vanish`, `degrade`, `recover`, `pause`, `fail`, `stick`, `delete`, `edit`, `autoscale`, `preempt`.

        `edit` sets fields of the record as another client would have; `num_gpus` also moves nodes.
        """
        if action == "degrade":
            self.degrade(record)
        elif action == "recover":
            self.recover(record)
        elif action == "pause":
            self.pause(record, str(details.get("phase", "CLUSTER_PHASE_ON_DEMAND_COMPUTE_PAUSED")))
        elif action == "fail":
            self.fail_tests(record, details.get("phase"))
        elif action == "stick":
            record.cancel("phase")
        elif action == "delete":
            self.begin_delete(record, "outside")
        elif action == "autoscale":
            self.autoscale(record, int(details["num_gpus"]))
        elif action == "preempt":
            self.preempt(record)
        elif action == "edit" and "num_gpus" in details:
            record.edit({name: value for name, value in details.items() if name != "num_gpus"})
            record.num_gpus = GPUS_PER_NODE * (int(details["num_gpus"]) // GPUS_PER_NODE)
            self.scale(record)
        else:
            super().intervene(record, action, details)

    # Creation.

    def order(self, cluster: Cluster, volume: dict[str, Any] | None, failures: list[PlannedFailure]) -> None:
        """Keep a new cluster, create its inline volume, sell it its GPUs, and plan how it becomes ready and ends."""
        if volume is not None:
            cluster.volume_ids = [self._volumes.create_record(volume).id]
        self.insert(cluster)
        for each in self._volumes.of(cluster):
            self._volumes.attach(each, cluster)
        cluster.sold_gpus = cluster.num_gpus - cluster.num_capacity_pool_gpus
        self._stock.sell(cluster, cluster.sold_gpus)
        now = self.world.now
        start = cluster.reservation_start_time or now
        end = cluster.reservation_end_time
        if end is not None:
            cluster.plan(end, "decommission", "reservation_end")
            self.charge_term(cluster, cluster.num_reserved_gpus or cluster.num_gpus, end - start)
        self.update_rate(cluster)
        cluster.pace = self.world.pace(cluster.name, USUAL_SECONDS)
        self._plan_provisioning(cluster, max(start, now), failures)
        if self.cloud.switches.visible_after_seconds > 0:
            cluster.is_visible = False
            cluster.plan(now + self.cloud.switches.visible_after_seconds, "visible")
        else:
            self.listed[cluster.id] = cluster
        if start > now:
            self.enter(cluster, "CLUSTER_PHASE_SCHEDULED")
            cluster.status = "Scheduled"
        else:
            self.enter(cluster, cluster.agenda.pop(0).detail)
        self.touch(cluster)

    def _plan_provisioning(self, cluster: Cluster, start: float, failures: list[PlannedFailure]) -> None:
        steps = provisioning(cluster)
        planned = {failure.kind: failure for failure in failures}
        last_phase = READY_PHASE
        if "provisioning_failed" in planned:
            steps, last_phase = failing(steps, planned["provisioning_failed"].phase)
        stuck = planned.get("stuck")
        at = start
        for step in steps:
            cluster.plan(at, "phase", step.phase)
            seconds = step.seconds * cluster.pace
            if step.phase == "CLUSTER_PHASE_WAITING_FOR_CONTROL_PLANE_NODES":
                nodes.plan_control_plane(cluster, at, seconds)
            if step.phase == "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES":
                nodes.plan_workers(cluster, cluster.num_gpus // GPUS_PER_NODE, at, seconds)
            at += seconds
            if stuck is not None and step.phase == (stuck.phase or "CLUSTER_PHASE_INSTALLING_DRIVERS"):
                return
        cluster.plan(at, "phase", last_phase)
        for kind, event in FAILURE_EVENTS.items():
            failure = planned.get(kind)
            if failure is not None:
                cluster.plan(at if failure.after_seconds is None else start + failure.after_seconds, event)

    def enter(self, cluster: Cluster, phase: str) -> None:
        """Let the cluster enter a phase, and set its status accordingly."""
        now = self.world.now
        cluster.phases.append(PhaseChange(phase=phase, at=now))
        cluster.status = STATUSES[phase][self.cloud.switches.unlisted_phases == "undocumented"]
        if phase == "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES":
            cluster.control_plane_ready = True
        if phase == READY_PHASE:
            cluster.control_plane_ready = True
            if cluster.ready is None:
                cluster.ready = self.world.stamp()
                self.plan_preemptible(cluster)
        if phase.endswith("_TESTS_FAILED") and self.cloud.switches.failed_tests == "retried":
            again = phase.replace("CLUSTER_PHASE_", "CLUSTER_PHASE_RUNNING_").replace("_FAILED", "")
            cluster.plan(now + RETEST_SECONDS * cluster.pace, "phase", again)
            cluster.plan(now + (RETEST_SECONDS + 60) * cluster.pace, "phase", READY_PHASE)

    # Deletion.

    def begin_delete(self, cluster: Cluster, reason: str) -> None:
        """Mark the cluster Deleting, stop its billing, and plan its end."""
        if cluster.status == "Deleting":
            return
        cluster.cancel()
        cluster.delete_requested = self.world.stamp()
        cluster.gone_because = reason
        self.enter(cluster, "CLUSTER_PHASE_DELETING")
        self.update_rate(cluster)
        if self.cloud.switches.volume_released == "delete_accepted":
            self._volumes.release(cluster)
        if self.cloud.switches.deleted_cluster == "404_at_once":
            self._finish_delete(cluster)
        else:
            cluster.plan(self.world.now + DELETE_SECONDS, "gone")
        self.touch(cluster)

    def _finish_delete(self, cluster: Cluster) -> None:
        self.end(cluster, cluster.gone_because)
        if self.cloud.switches.deleted_cluster == "tombstone":
            cluster.is_tombstone = cluster.is_visible = True
            self.listed[cluster.id] = cluster
            cluster.plan(self.world.now + TOMBSTONE_SECONDS, "forget")
            self.touch(cluster)

    def end(self, record: Cluster, reason: str) -> None:
        """Mark the cluster deleted, and release its GPUs and volumes."""
        super().end(record, reason)
        record.is_visible = False
        self._stock.sell(record, -record.sold_gpus)
        self._stock.allocate_preemptible(record, -record.preemptible_gpus)
        self._volumes.release(record)
        self.listed.pop(record.id, None)

    # Health.

    def degrade(self, cluster: Cluster) -> None:
        """Fail one node and mark the cluster Degraded."""
        cluster.cancel("phase")
        if cluster.workers:
            nodes.enter_phase(cluster, f"{cluster.workers[0].node_id} NODE_PHASE_FAILED", self.world.now)
        self.enter(cluster, "CLUSTER_PHASE_DEGRADED")

    def recover(self, cluster: Cluster) -> None:
        """Make the cluster Ready again after any failure, with all its nodes."""
        cluster.cancel("phase", "node", "degrade", "pause")
        if cluster.reservation_end_time is None:
            cluster.cancel("decommission")
        if not cluster.control_plane_nodes:
            nodes.plan_control_plane(cluster, self.world.now, 0)
        nodes.set_all(cluster, "NODE_PHASE_RUNNING", self.world.now)
        self.enter(cluster, READY_PHASE)
        self.scale(cluster)

    def pause(self, cluster: Cluster, phase: str = "CLUSTER_PHASE_ON_DEMAND_COMPUTE_PAUSED") -> None:
        """Pause the cluster and stop its billing; it is deleted unless it recovers within `pause_grace_seconds`."""
        cluster.cancel("phase", "node", "preemptible")
        cluster.paused_from = cluster.phases[-1].phase
        nodes.set_all(cluster, "NODE_PHASE_PAUSED", self.world.now)
        self.enter(cluster, phase)
        self.update_rate(cluster)
        cluster.plan(self.world.now + self.cloud.switches.pause_grace_seconds, "decommission", "credits")

    def fail_tests(self, cluster: Cluster, phase: str | None) -> None:
        """Let the cluster's acceptance tests fail now, in `phase` or in its last tests."""
        cluster.cancel("phase")
        self.enter(cluster, failing(provisioning(cluster), phase)[1])

    # Size.

    def scale(self, cluster: Cluster) -> None:
        """Plan the nodes that boot or leave until the cluster has the GPUs that it should have."""
        done = nodes.scale(cluster, self.world.now, self.cloud.switches.scale_down_first)
        sold = max(cluster.wanted_gpus - cluster.num_capacity_pool_gpus, 0)
        self._stock.sell(cluster, sold - cluster.sold_gpus)
        cluster.sold_gpus = sold
        shows_scaling = self.cloud.switches.status_while_scaling != "Ready"
        if done > self.world.now and shows_scaling and cluster.status == "Ready":
            self.enter(cluster, "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES")
            cluster.plan(done, "phase", READY_PHASE)
        self.update_rate(cluster)
        self.touch(cluster)

    def autoscale(self, cluster: Cluster, num_gpus: int) -> None:
        """Scale as the autoscaler would, to `num_gpus` within its bounds."""
        most = cluster.auto_scale_max_gpus or cluster.num_gpus
        cluster.autoscaled_gpus = max(min(num_gpus, most) - cluster.num_gpus, 0)
        self.scale(cluster)

    def preempt(self, cluster: Cluster) -> None:
        """Take back all preemptible nodes; the cluster gets new ones later."""
        taken = [node for node in cluster.workers if node.is_preemptible]
        for node in taken:
            nodes.retire(cluster, node.node_id, "TogetherPreempted", self.world.now)
        self._stock.allocate_preemptible(cluster, -GPUS_PER_NODE * len(taken))
        self.plan_preemptible(cluster)
        self.update_rate(cluster)

    def plan_preemptible(self, cluster: Cluster) -> None:
        """Plan to add or remove preemptible nodes, unless the cluster has as many as desired."""
        if cluster.preemptible_gpus != cluster.desired_preemptible_gpus:
            cluster.cancel("preemptible")
            cluster.plan(self.world.now + PREEMPTIBLE_SECONDS * cluster.pace, "preemptible")

    def _fulfil_preemptible(self, cluster: Cluster) -> None:
        """Add one preemptible node, if the region has one left, or remove one; then plan the next."""
        missing = cluster.desired_preemptible_gpus - cluster.preemptible_gpus
        left = self._stock.preemptible_gpus_left(cluster.region)
        if missing < 0:
            node = [node for node in cluster.workers if node.is_preemptible][-1]
            nodes.retire(cluster, node.node_id, "TogetherScaledDown", self.world.now)
            self._stock.allocate_preemptible(cluster, -GPUS_PER_NODE)
        elif missing and left >= GPUS_PER_NODE:
            nodes.plan_workers(cluster, 1, self.world.now, 0.0, "gpu-preemptible-dp")
            self._stock.allocate_preemptible(cluster, GPUS_PER_NODE)
        self.update_rate(cluster)
        if abs(missing) > GPUS_PER_NODE or (missing > 0 and left < GPUS_PER_NODE):
            cluster.plan(self.world.now + PREEMPTIBLE_SECONDS * cluster.pace, "preemptible")

    # Billing.

    def update_rate(self, cluster: Cluster) -> None:
        """Set the hourly price. GPUs that are prepaid, and paused or deleted clusters, cost nothing by the hour."""
        price = GPU_SHAPES[cluster.gpu_type].dollars_per_gpu_hour
        prepaid = cluster.wanted_gpus if cluster.billing_type == "SCHEDULED_CAPACITY" else cluster.num_reserved_gpus
        rate = price * (max(cluster.wanted_gpus - prepaid, 0) + cluster.preemptible_gpus * (1 - PREEMPTIBLE_DISCOUNT))
        is_billed = cluster.gone is None and cluster.delete_requested is None and "Paused" not in cluster.status
        rate = rate if is_billed else 0.0
        if rate != cluster.meter.dollars_per_hour:
            self.cloud.set_rate(cluster, rate)

    def charge_term(self, cluster: Cluster, gpus: int, seconds: float) -> None:
        """Bill prepaid GPUs for a time, in full and at once."""
        price = GPU_SHAPES[cluster.gpu_type].dollars_per_gpu_hour * (1 - RESERVED_DISCOUNT)
        self.cloud.charge(cluster, gpus * price * seconds / 3600)
