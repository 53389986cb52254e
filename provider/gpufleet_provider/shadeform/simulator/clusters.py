"""The cluster routes of the simulated Shadeform."""

from __future__ import annotations

from uuid import uuid4

from gpufleet_provider.shadeform.simulator.catalogue import OFFERS, instance_type
from gpufleet_provider.shadeform.simulator.cluster_transitions import ClusterTransitions
from gpufleet_provider.shadeform.simulator.provisioning import CLUSTER_STEPS
from gpufleet_provider.shadeform.simulator.records import Cluster
from gpufleet_provider.shadeform.simulator.replies import billing_period, cluster_reply
from gpufleet_provider.shadeform.simulator.requests import cluster_offer, read_cluster
from gpufleet_provider.shadeform.simulator.ssh_keys import SshKeys
from gpufleet_provider.shadeform.simulator.stock import Stock
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply, json_bytes


class Clusters:
    """The routes under `/clusters`."""

    def __init__(
        self,
        cloud: SimulatedCloud[ShadeformSwitches],
        transitions: ClusterTransitions,
        stock: Stock,
        keys: SshKeys,
    ) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._transitions = transitions
        self._stock = stock
        self._keys = keys

    def create(self, call: Call) -> Reply:
        """Queued at once and placed later; a create without stock is refused at once."""
        body = Body.of(call.body)
        fields = read_cluster(body)
        self._cloud.refuse_unknown(body)
        offer = cluster_offer(body, fields, any_size=self._cloud.switches.sizes == "any")
        fields["ssh_key_id"] = self._keys.choose(fields["ssh_key_id"]).id
        self._cloud.refuse_without_credits()
        names = (it.name for it in self._transitions.living.values())
        if self._cloud.switches.unique_cluster_names and fields["name"] in names:
            raise Refusal(409, "name must be unique", "NAME_TAKEN")
        self._stock.check(offer, fields["num_instances"])
        first = CLUSTER_STEPS[0]
        cluster = Cluster(
            id=str(uuid4()),
            created=self._world.stamp(),
            updated_at=self._world.now,
            status=first.status,
            status_details=first.details,
            **fields,
        )
        self._transitions.order(cluster, call.planned_failures)
        return Reply.of({"id": cluster.id})

    def info(self, call: Call) -> Reply:
        """A cluster that is not deleted."""
        cluster = self._transitions.find(call.params["id"])
        if cluster.status == "deleting" and self._cloud.switches.read_while_deleting == 404:
            raise self._transitions.not_found(cluster.id)
        return Reply(200, self.rendered(cluster))

    def list(self, call: Call) -> Reply:
        """Every cluster that is not deleted."""
        shown = self._transitions.shown()
        if not self._cloud.switches.list_while_deleting:
            shown = [it for it in shown if it.status != "deleting"]
        return Reply(200, b'{"clusters":[' + b",".join([self.rendered(it) for it in shown]) + b"]}")

    def types(self, call: Call) -> Reply:
        """One row for each cloud, type, size and region."""
        rows = [
            {
                "cloud": offer.cloud,
                "num_instances": size,
                "availability": self._stock.availability(offer, size),
                "cluster_type": instance_type(offer, [self._stock.availability(offer, size)]),
            }
            for offer in OFFERS
            for size in offer.sizes
        ]
        return Reply.of({"cluster_types": rows})

    def delete(self, call: Call) -> Reply:
        """Accepted with an empty body; the billing stops at once."""
        cluster = self._transitions.find(call.params["id"])
        switches = self._cloud.switches
        if cluster.status == "deleting":
            if switches.delete_while_deleting == 404:
                raise self._transitions.not_found(cluster.id)
            if switches.delete_while_deleting == 409:
                raise Refusal(409, "The cluster is already being deleted", "INVALID_STATE")
            return Reply(200, b"")
        if cluster.active_at is None and cluster.status != "error" and switches.delete_while_creating == "refuse":
            raise Refusal(409, "The cluster is still being created", "INVALID_STATE")
        self._transitions.begin_delete(cluster, "delete")
        return Reply(200, b"")

    def rendered(self, cluster: Cluster) -> bytes:
        """The cluster as JSON, rendered once per change and billing period."""
        period = billing_period(self._world.now)
        if cluster.rendered is None or cluster.rendered_period != period:
            reply = cluster_reply(cluster, self._cloud.switches, self._world.canary, self._world.now)
            cluster.rendered, cluster.rendered_period = json_bytes(reply), period
        return cluster.rendered
