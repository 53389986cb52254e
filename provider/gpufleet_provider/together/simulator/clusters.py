"""The cluster routes of the simulated Together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply, json_bytes
from gpufleet_provider.together.simulator.cluster_transitions import ClusterTransitions
from gpufleet_provider.together.simulator.provisioning import READY_PHASE, SWITCH_TYPE_SECONDS
from gpufleet_provider.together.simulator.records import AddOn, Cluster, Remediation
from gpufleet_provider.together.simulator.replies import cluster_reply
from gpufleet_provider.together.simulator.requests import (
    CLUSTER_CONFIG_DEFAULTS,
    DEFAULT_PROJECT_ID,
    UpdateRequest,
    read_cluster,
    read_update,
)
from gpufleet_provider.together.simulator.stock import Stock
from gpufleet_provider.together.simulator.switches import TogetherSwitches
from gpufleet_provider.together.simulator.volumes import Volumes, project_filter

_NULLS_OF_THE_COMMAND = ("duration_days", "cluster_type")
"""What the vendor's own `tg clusters create` sends as null where it is not given."""


class Clusters:
    """The routes under `/compute/clusters`."""

    def __init__(
        self,
        cloud: SimulatedCloud[TogetherSwitches],
        transitions: ClusterTransitions,
        volumes: Volumes,
        stock: Stock,
        remediations: Mapping[str, Remediation],
    ) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._transitions = transitions
        self._volumes = volumes
        self._stock = stock
        self._remediations = remediations

    def create(self, call: Call) -> Reply:
        """The standard nodes are allocated at once, so a create without stock is refused."""
        body = Body.of(call.body)
        fields, volume = read_cluster(body, self._world.now)
        self._cloud.refuse_unknown(body, tolerated_nulls=_NULLS_OF_THE_COMMAND)
        self._cloud.refuse_without_credits()
        cluster = Cluster(id=str(uuid4()), created=self._world.stamp(), status="WaitingForControlPlaneNodes", **fields)
        self._refuse_taken_name(cluster)
        for volume_id in cluster.volume_ids:
            self._volumes.check_attachable(volume_id, cluster.region)
        wanted = cluster.num_gpus - cluster.num_capacity_pool_gpus
        if wanted > self._stock.gpus_left(cluster.region, cluster.gpu_type):
            raise self._cloud.sold_out()
        self._transitions.order(cluster, volume, call.planned_failures)
        return Reply(200, self.rendered(cluster))

    def get(self, call: Call) -> Reply:
        """A cluster that is not deleted."""
        return Reply(200, self.rendered(self._transitions.find(call.params["cluster_id"])))

    def list(self, call: Call) -> Reply:
        """Every cluster that is not deleted, filtered by project."""
        project = project_filter(call, self._cloud.switches)
        if project is None and self._cloud.switches.unfiltered_clusters == "key_project":
            project = DEFAULT_PROJECT_ID
        shown = (it for it in self._transitions.listed.values() if project in (None, it.project_id))
        return Reply(200, b'{"clusters":[' + b",".join([self.rendered(it) for it in shown]) + b"]}")

    def update(self, call: Call) -> Reply:
        """Fields that the PUT leaves out keep their values."""
        cluster = self._transitions.find(call.params["cluster_id"])
        body = Body.of(call.body)
        request = read_update(body, cluster.cluster_type)
        self._cloud.refuse_unknown(body)
        if not body.as_sent():
            raise Refusal(400, "the body is empty: nothing is to be changed", "invalid_request")
        conflict = self._cloud.switches.conflict_status
        if cluster.status == "Deleting":
            raise Refusal(conflict, f"cluster {cluster.id} is being deleted", "conflict")
        if cluster.status not in ("Ready", "Degraded") and self._cloud.switches.update_while_not_ready == "refuse":
            raise Refusal(conflict, f"cluster {cluster.id} is not ready: {cluster.status}", "conflict")
        self._check_update(body, cluster, request)
        self._change(cluster, request)
        self._transitions.touch(cluster)
        return Reply(200, self.rendered(cluster))

    def delete(self, call: Call) -> Reply:
        """Accepted at once and done later."""
        cluster = self._transitions.find(call.params["cluster_id"])
        if cluster.status == "Deleting" and self._cloud.switches.delete_while_deleting != 200:
            status = self._cloud.switches.delete_while_deleting
            raise Refusal(status, f"cluster {cluster.id} is already being deleted", "conflict")
        self._transitions.begin_delete(cluster, "delete")
        return Reply.of({"cluster_id": cluster.id})

    def rendered(self, cluster: Cluster) -> bytes:
        """The cluster as JSON, rendered once per change."""
        if cluster.rendered is None:
            volumes = self._volumes.of(cluster)
            switches = self._cloud.switches
            reply = cluster_reply(cluster, volumes, self._remediations, switches, self._world.canary)
            cluster.rendered = json_bytes(reply)
        return cluster.rendered

    def _check_update(self, body: Body, cluster: Cluster, request: UpdateRequest) -> None:
        prepaid = cluster.billing_type != "ON_DEMAND"
        end = request.reservation_end_time
        if end is not None and not prepaid:
            raise body.bad("reservation_end_time", "is only accepted for prepaid clusters")
        if end is not None and end <= self._world.now:
            raise body.bad("reservation_end_time", "must be in the future")
        num_gpus = cluster.num_gpus if request.num_gpus is None else request.num_gpus
        pool = cluster.num_capacity_pool_gpus
        if request.num_capacity_pool_gpus is not None:
            pool = request.num_capacity_pool_gpus
            if cluster.capacity_pool_id is None:
                raise body.bad("num_capacity_pool_gpus", "needs a cluster that was created with a capacity_pool_id")
        if request.num_reserved_gpus is not None and cluster.billing_type != "RESERVED":
            raise body.bad("num_reserved_gpus", "is only supported for RESERVED billing")
        if pool + (request.num_reserved_gpus or 0) > num_gpus:
            raise body.bad("num_reserved_gpus", "and num_capacity_pool_gpus together must not exceed num_gpus")
        if request.cluster_type not in (None, cluster.cluster_type):
            if self._cloud.switches.cluster_type_update == "refuse":
                raise body.bad("cluster_type", "cannot be changed")
            if request.cluster_type == "SLURM" and not cluster.slurm_shm_size_gib:
                raise body.bad("cluster_type", "cannot become SLURM without slurm_shm_size_gib")
        if self._cloud.switches.unknown_add_on == "refuse":
            for name, _ in request.add_ons:
                if all(add_on.name != name for add_on in cluster.add_ons):
                    raise body.bad("add_ons", f"has no add-on named {name!r}")
        if num_gpus - pool - cluster.sold_gpus > self._stock.gpus_left(cluster.region, cluster.gpu_type):
            raise self._cloud.sold_out()

    def _change(self, cluster: Cluster, request: UpdateRequest) -> None:
        now = self._world.now
        if request.num_capacity_pool_gpus is not None:
            cluster.num_capacity_pool_gpus = request.num_capacity_pool_gpus
        if request.num_reserved_gpus is not None:
            more = request.num_reserved_gpus - cluster.num_reserved_gpus
            cluster.num_reserved_gpus = request.num_reserved_gpus
            self._transitions.charge_term(cluster, max(more, 0), (cluster.reservation_end_time or now) - now)
        if request.reservation_end_time is not None:
            longer = request.reservation_end_time - (cluster.reservation_end_time or now)
            self._transitions.charge_term(cluster, cluster.num_reserved_gpus or cluster.num_gpus, max(longer, 0))
            cluster.reservation_end_time = request.reservation_end_time
            begin = cluster.reservation_start_time or cluster.created.cloud
            cluster.duration_hours = round((request.reservation_end_time - begin) / 3600)
            cluster.cancel("decommission")
            cluster.plan(request.reservation_end_time, "decommission", "reservation_end")
        if request.cluster_config is not None:
            merge = self._cloud.switches.cluster_config_update == "merge"
            before = cluster.cluster_config if merge else CLUSTER_CONFIG_DEFAULTS
            cluster.cluster_config = {**before, **request.cluster_config}
        for name, config in request.add_ons:
            self._change_add_on(cluster, name, config)
        if request.num_gpus is not None:
            cluster.num_gpus = request.num_gpus
            prepaid = request.num_gpus - cluster.num_capacity_pool_gpus
            cluster.num_reserved_gpus = min(cluster.num_reserved_gpus, prepaid)
            self._transitions.scale(cluster)
        if request.num_preemptible_gpus is not None:
            cluster.desired_preemptible_gpus = request.num_preemptible_gpus
            self._transitions.plan_preemptible(cluster)
        if request.cluster_type not in (None, cluster.cluster_type):
            cluster.cluster_type = request.cluster_type or cluster.cluster_type
            self._transitions.enter(cluster, "CLUSTER_PHASE_INSTALLING_DRIVERS")
            cluster.plan(now + SWITCH_TYPE_SECONDS * cluster.pace, "phase", READY_PHASE)
        self._transitions.update_rate(cluster)

    def _change_add_on(self, cluster: Cluster, name: str, config: dict[str, Any]) -> None:
        for add_on in cluster.add_ons:
            if add_on.name == name:
                add_on.config = {**add_on.config, **config}
                return
        if self._cloud.switches.unknown_add_on == "add":
            kind = next(iter(config), name)
            cluster.add_ons.append(AddOn(name=name, add_on_type=kind, config=config or {kind: {"enabled": True}}))

    def _refuse_taken_name(self, cluster: Cluster) -> None:
        if not self._cloud.switches.unique_cluster_names:
            return
        for other in self._transitions.living.values():
            if (other.name, other.region) == (cluster.name, cluster.region):
                raise Refusal(self._cloud.switches.conflict_status, f"cluster name {other.name!r} is taken", "conflict")
