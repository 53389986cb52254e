"""What becomes of the simulated Together's clusters once they have been ordered."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gpufleet_provider.simulator.faults import Fate
from gpufleet_provider.simulator.ledger import entry
from gpufleet_provider.simulator.wire import Refusal
from gpufleet_provider.simulator.world import Event, SimulatedCloud
from gpufleet_provider.together.simulator import nodes
from gpufleet_provider.together.simulator.catalogue import (
    GPU_SHAPES,
    GPUS_PER_NODE,
    PREEMPTIBLE_DISCOUNT,
    RESERVED_DISCOUNT,
    STOCK_GPUS,
)
from gpufleet_provider.together.simulator.lifecycle import (
    DELETE_SECONDS,
    PREEMPTIBLE_SECONDS,
    PROVISIONING,
    READY_PHASE,
    RETEST_SECONDS,
    STATUSES,
    TOMBSTONE_SECONDS,
    failing,
    provisioning,
)
from gpufleet_provider.together.simulator.records import Cluster, PhaseChange
from gpufleet_provider.together.simulator.replies import DEFAULT_PROJECT_ID
from gpufleet_provider.together.simulator.requests import CreateRequest
from gpufleet_provider.together.simulator.switches import TogetherSwitches
from gpufleet_provider.together.simulator.volumes import Volumes

USUAL_SECONDS = sum(step.seconds for step in PROVISIONING if not step.only_with)


class Life:
    """Every cluster by id; `all` keeps those that are gone, for the ledger; `listed` is what the list shows."""

    def __init__(self, cloud: SimulatedCloud, volumes: Volumes) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._volumes = volumes
        self.all: dict[str, Cluster] = {}
        self.listed: dict[str, Cluster] = {}
        self._sold_gpus: dict[tuple[str, str], int] = {}
        self._preempted_gpus: dict[str, int] = {}

    @property
    def _switches(self) -> TogetherSwitches:
        switches = self._cloud.switches
        assert isinstance(switches, TogetherSwitches)
        return switches

    def load(self) -> None:
        """Take up what an earlier run has left."""
        self.all = self._world.load(Cluster, self._cloud)
        for cluster in self.all.values():
            if cluster.is_visible and (cluster.gone is None or cluster.is_tombstone):
                self.listed[cluster.id] = cluster
            if cluster.gone is None:
                self._sell(cluster, cluster.sold_gpus)
                self._count_preemptible(cluster, GPUS_PER_NODE * sum(it.is_preemptible for it in cluster.workers))

    def happen(self, cluster: Cluster, event: Event) -> None:
        """An event that was planned."""
        now = self._world.now
        if event.name == "phase":
            self.enter(cluster, event.detail)
        elif event.name == "node":
            nodes.enter_phase(cluster, event.detail, now)
            self.set_rate(cluster)
        elif event.name == "retire":
            nodes.retire(cluster, event.detail, "TogetherScaledDown", now)
            self.set_rate(cluster)
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

    def begin_delete(self, cluster: Cluster, reason: str) -> None:
        """The cluster goes; it is no longer billed."""
        if cluster.status == "Deleting":
            return
        cluster.cancel()
        cluster.delete_requested = self._world.stamp()
        cluster.gone_because = reason
        self.enter(cluster, "CLUSTER_PHASE_DELETING")
        self.set_rate(cluster)
        if self._switches.volume_released == "delete_accepted":
            self._volumes.release(cluster)
        if self._switches.deleted_cluster == "404_at_once":
            self._finish_delete(cluster)
        else:
            cluster.plan(self._world.now + DELETE_SECONDS, "gone")
        self._touch(cluster)

    def end(self, cluster: Cluster, reason: str) -> None:
        """It is no more."""
        cluster.cancel()
        cluster.gone = self._world.stamp()
        cluster.gone_because = reason
        cluster.is_visible = False
        self._sell(cluster, -cluster.sold_gpus)
        self._count_preemptible(cluster, -GPUS_PER_NODE * sum(node.is_preemptible for node in cluster.workers))
        self.set_rate(cluster)
        self._volumes.release(cluster)
        self.listed.pop(cluster.id, None)
        self._touch(cluster)

    def degrade(self, cluster: Cluster) -> None:
        """One node fails, and with it the cluster's good name."""
        cluster.cancel("phase")
        if cluster.workers:
            nodes.enter_phase(cluster, f"{cluster.workers[0].node_id} NODE_PHASE_FAILED", self._world.now)
        self.enter(cluster, "CLUSTER_PHASE_DEGRADED")

    def recover(self, cluster: Cluster) -> None:
        """From whatever it suffered, the cluster is Ready again."""
        cluster.cancel("phase", "node", "degrade", "pause")
        if cluster.reservation_end_time is None:
            cluster.cancel("decommission")
        if not cluster.control_plane_nodes:
            nodes.plan_control_plane(cluster, self._world.now, 0)
        nodes.set_all(cluster, "NODE_PHASE_RUNNING", self._world.now)
        self.enter(cluster, READY_PHASE)
        self.scale(cluster)

    def pause(self, cluster: Cluster, phase: str = "CLUSTER_PHASE_ON_DEMAND_COMPUTE_PAUSED") -> None:
        """The platform stops the cluster, and lets go of it unless somebody pays in time."""
        cluster.cancel("phase", "node", "preemptible")
        cluster.paused_from = cluster.phases[-1].phase
        nodes.set_all(cluster, "NODE_PHASE_PAUSED", self._world.now)
        self.enter(cluster, phase)
        self.set_rate(cluster)
        cluster.plan(self._world.now + self._switches.pause_grace_seconds, "decommission", "credits")

    def fail_tests(self, cluster: Cluster, phase: str | None) -> None:
        """The tests fail now."""
        cluster.cancel("phase")
        self.enter(cluster, failing(provisioning(cluster), phase)[1])

    def preempt(self, cluster: Cluster) -> None:
        """All preemptible nodes are taken back; the fulfilment tries again later."""
        taken = [node for node in cluster.workers if node.is_preemptible]
        for node in taken:
            nodes.retire(cluster, node.node_id, "TogetherPreempted", self._world.now)
        self._count_preemptible(cluster, -GPUS_PER_NODE * len(taken))
        self.plan_preemptible(cluster)
        self.set_rate(cluster)

    def autoscale(self, cluster: Cluster, num_gpus: int) -> None:
        """The autoscaler wants this many GPUs, within its bounds."""
        most = cluster.auto_scale_max_gpus or cluster.num_gpus
        cluster.autoscaled_gpus = max(min(num_gpus, most) - cluster.num_gpus, 0)
        self.scale(cluster)

    def drift(self, cluster: Cluster, num_gpus: int) -> None:
        """Somebody else has set another size."""
        cluster.num_gpus = num_gpus
        self.scale(cluster)

    def find(self, cluster_id: str) -> Cluster:
        """A cluster that the API shows by id; 404 for any other."""
        cluster = self.all.get(cluster_id)
        if cluster is None or cluster.gone is not None or not cluster.is_visible:
            raise Refusal(404, f"cluster {cluster_id} not found", "not_found")
        return cluster

    def stock(self, region: str, gpu_type: str) -> int:
        """GPUs that are left."""
        overrides = self._switches.stock_gpus.get(region, {})
        return overrides.get(gpu_type, STOCK_GPUS[region][gpu_type]) - self._sold_gpus.get((region, gpu_type), 0)

    def ledger(self) -> list[dict[str, Any]]:
        """Every cluster that ever was."""
        now = self._world.now
        return [
            entry(
                self._cloud.name,
                it,
                it.status,
                now,
                region=it.region,
                gpu_type=it.gpu_type,
                num_gpus=it.num_gpus,
                billing_type=it.billing_type,
                volume_ids=it.volume_ids,
            )
            for it in self.all.values()
        ]

    def make(self, request: CreateRequest) -> Cluster:
        """A new cluster with its volumes and its GPUs taken out of stock, but without a future."""
        inline = [self._volumes.make(request.shared_volume)] if request.shared_volume else []
        attached = [self._volumes.find(request.volume_id)] if request.volume_id else inline
        cluster = Cluster(
            id=str(uuid4()),
            name=request.cluster_name,
            created=self._world.stamp(),
            region=request.region,
            gpu_type=request.gpu_type,
            cluster_type=request.cluster_type,
            billing_type=request.billing_type,
            num_gpus=request.num_gpus,
            num_reserved_gpus=request.num_reserved_gpus,
            num_capacity_pool_gpus=request.num_capacity_pool_gpus,
            capacity_pool_id=request.capacity_pool_id,
            desired_preemptible_gpus=request.num_preemptible_gpus,
            auto_scale=request.auto_scale,
            auto_scale_max_gpus=request.auto_scale_max_gpus,
            cuda_version=request.cuda_version,
            nvidia_driver_version=request.nvidia_driver_version,
            os=request.driver.os,
            driver_id=request.driver_id,
            project_id=request.project_id or DEFAULT_PROJECT_ID,
            duration_hours=request.duration_hours,
            reservation_start_time=request.start if request.end else None,
            reservation_end_time=request.end,
            slurm_shm_size_gib=request.slurm_shm_size_gib,
            install_traefik=request.install_traefik,
            oidc_config=request.oidc_config,
            cluster_config=request.cluster_config,
            add_ons=request.add_ons,
            acceptance_tests=request.acceptance_tests,
            volume_ids=[volume.id for volume in attached],
            status="WaitingForControlPlaneNodes",
        )
        self.all[cluster.id] = cluster
        for volume in attached:
            self._volumes.attach(volume, cluster)
        self._sell(cluster, cluster.num_gpus - cluster.num_capacity_pool_gpus)
        cluster.sold_gpus = cluster.num_gpus - cluster.num_capacity_pool_gpus
        return cluster

    def begin(self, cluster: Cluster, request: CreateRequest, fates: list[Fate]) -> None:
        """Plan how the cluster comes up, and when it ends."""
        now = self._world.now
        if request.end is not None:
            cluster.plan(request.end, "decommission", "reservation_end")
            self.charge_term(cluster, request.num_reserved_gpus or request.num_gpus, request.end - request.start)
        self.set_rate(cluster)
        cluster.pace = self._world.pace(cluster.name, USUAL_SECONDS)
        start = max(request.start, now)
        self._plan_provisioning(cluster, start, fates)
        if self._switches.visible_after_seconds > 0:
            cluster.is_visible = False
            cluster.plan(now + self._switches.visible_after_seconds, "visible")
        else:
            self.listed[cluster.id] = cluster
        if start > now:
            self.enter(cluster, "CLUSTER_PHASE_SCHEDULED")
            cluster.status = "Scheduled"
        else:
            self.enter(cluster, cluster.agenda.pop(0).detail)
        self._touch(cluster)

    def _plan_provisioning(self, cluster: Cluster, start: float, fates: list[Fate]) -> None:
        steps = provisioning(cluster)
        kinds = {fate.kind: fate for fate in fates}
        last_phase = READY_PHASE
        if "provisioning_failed" in kinds:
            steps, last_phase = failing(steps, kinds["provisioning_failed"].phase)
        stuck = kinds.get("stuck")
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
        for kind, event in (("degraded", "degrade"), ("paused", "pause"), ("vanished", "vanish")):
            fate = kinds.get(kind)  # pyright: ignore[reportArgumentType]
            if fate is not None:
                cluster.plan(at if fate.after_seconds is None else start + fate.after_seconds, event)

    def enter(self, cluster: Cluster, phase: str) -> None:
        """The cluster enters a phase, and its status follows."""
        now = self._world.now
        cluster.phases.append(PhaseChange(phase=phase, at=now))
        cluster.status = STATUSES[phase][self._switches.unlisted_phases == "undocumented"]
        if phase == "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES":
            cluster.control_plane_ready = True
        if phase == READY_PHASE:
            cluster.control_plane_ready = True
            if cluster.ready is None:
                cluster.ready = self._world.stamp()
                self.plan_preemptible(cluster)
        if phase.endswith("_TESTS_FAILED") and self._switches.failed_tests == "retried":
            again = phase.replace("CLUSTER_PHASE_", "CLUSTER_PHASE_RUNNING_").replace("_FAILED", "")
            cluster.plan(now + RETEST_SECONDS * cluster.pace, "phase", again)
            cluster.plan(now + (RETEST_SECONDS + 60) * cluster.pace, "phase", READY_PHASE)

    def _finish_delete(self, cluster: Cluster) -> None:
        self.end(cluster, cluster.gone_because)
        if self._switches.deleted_cluster == "tombstone":
            cluster.is_tombstone = cluster.is_visible = True
            self.listed[cluster.id] = cluster
            cluster.plan(self._world.now + TOMBSTONE_SECONDS, "forget")
            self._touch(cluster)

    def scale(self, cluster: Cluster) -> None:
        """Send for nodes, or send nodes away, until the wanted GPUs stand."""
        done = nodes.scale(cluster, self._world.now, self._switches.scale_down_first)
        sold = max(cluster.wanted_gpus - cluster.num_capacity_pool_gpus, 0)
        self._sell(cluster, sold - cluster.sold_gpus)
        cluster.sold_gpus = sold
        if done > self._world.now and self._switches.status_while_scaling != "Ready" and cluster.status == "Ready":
            self.enter(cluster, "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES")
            cluster.plan(done, "phase", READY_PHASE)
        self.set_rate(cluster)
        self._touch(cluster)

    def plan_preemptible(self, cluster: Cluster) -> None:
        """Let the fulfilment look at the cluster soon, where it has not what is desired."""
        have = GPUS_PER_NODE * sum(node.is_preemptible for node in cluster.workers)
        if have != cluster.desired_preemptible_gpus:
            cluster.cancel("preemptible")
            cluster.plan(self._world.now + PREEMPTIBLE_SECONDS * cluster.pace, "preemptible")

    def _fulfil_preemptible(self, cluster: Cluster) -> None:
        """One node nearer to what is desired, as far as the region's preemptible stock goes; then again later."""
        standing = [node for node in cluster.workers if node.is_preemptible]
        missing = cluster.desired_preemptible_gpus - GPUS_PER_NODE * len(standing)
        free = self._switches.preemptible_gpus - self._preempted_gpus.get(cluster.region, 0)
        if missing < 0:
            nodes.retire(cluster, standing[-1].node_id, "TogetherScaledDown", self._world.now)
            self._count_preemptible(cluster, -GPUS_PER_NODE)
        elif missing and free >= GPUS_PER_NODE:
            nodes.plan_workers(cluster, 1, self._world.now, 0.0, "gpu-preemptible-dp")
            self._count_preemptible(cluster, GPUS_PER_NODE)
        self.set_rate(cluster)
        if abs(missing) > GPUS_PER_NODE or (missing > 0 and free < GPUS_PER_NODE):
            cluster.plan(self._world.now + PREEMPTIBLE_SECONDS * cluster.pace, "preemptible")

    def set_rate(self, cluster: Cluster) -> None:
        """On-demand from the creation to the delete; the reserved part is paid; a paused cluster costs nothing."""
        price = GPU_SHAPES[cluster.gpu_type].dollars_per_gpu_hour
        preemptible = GPUS_PER_NODE * sum(node.is_preemptible for node in cluster.workers)
        paid = cluster.wanted_gpus if cluster.billing_type == "SCHEDULED_CAPACITY" else cluster.num_reserved_gpus
        rate = price * (max(cluster.wanted_gpus - paid, 0) + preemptible * (1 - PREEMPTIBLE_DISCOUNT))
        is_billed = cluster.gone is None and cluster.delete_requested is None and "Paused" not in cluster.status
        rate = rate if is_billed else 0.0
        if rate != cluster.meter.dollars_per_hour:
            self._cloud.account.set_rate(cluster.meter, rate, self._world.now)
            self._cloud.watch_credits()

    def charge_term(self, cluster: Cluster, gpus: int, seconds: float) -> None:
        """Bill prepaid GPUs for a time, in full and at once."""
        price = GPU_SHAPES[cluster.gpu_type].dollars_per_gpu_hour * (1 - RESERVED_DISCOUNT)
        self._cloud.account.charge(cluster.meter, gpus * price * seconds / 3600)
        self._cloud.watch_credits()

    def _sell(self, cluster: Cluster, gpus: int) -> None:
        key = (cluster.region, cluster.gpu_type)
        self._sold_gpus[key] = self._sold_gpus.get(key, 0) + gpus

    def _count_preemptible(self, cluster: Cluster, gpus: int) -> None:
        self._preempted_gpus[cluster.region] = self._preempted_gpus.get(cluster.region, 0) + gpus

    def _touch(self, cluster: Cluster) -> None:
        self._world.touch(self._cloud, cluster)
