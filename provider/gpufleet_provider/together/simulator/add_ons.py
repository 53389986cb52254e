"""The add-on routes of the simulated Together; an add-on's id is its name."""

from __future__ import annotations

from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.together.simulator.cluster_transitions import ClusterTransitions
from gpufleet_provider.together.simulator.records import AddOn, Cluster
from gpufleet_provider.together.simulator.replies import add_on_reply
from gpufleet_provider.together.simulator.requests import read_add_on, read_add_on_config
from gpufleet_provider.together.simulator.switches import TogetherSwitches


class AddOns:
    """The routes under `/compute/clusters/{cluster_id}/addons`."""

    def __init__(self, cloud: SimulatedCloud[TogetherSwitches], transitions: ClusterTransitions) -> None:
        self._cloud = cloud
        self._transitions = transitions

    def list(self, call: Call) -> Reply:
        """Every add-on of a cluster, those that are disabled included."""
        return Reply.of({"add_ons": [add_on_reply(it) for it in self._cluster(call).add_ons]})

    def create(self, call: Call) -> Reply:
        """One more add-on, whose name no other of the cluster has."""
        cluster, body = self._changeable(call), Body.of(call.body)
        add_on = read_add_on(body)
        self._cloud.refuse_unknown(body)
        if any(it.name == add_on.name for it in cluster.add_ons):
            conflict = self._cloud.switches.conflict_status
            raise Refusal(conflict, f"cluster {cluster.id} has an add-on {add_on.name!r} already", "conflict")
        cluster.add_ons.append(add_on)
        self._transitions.touch(cluster)
        return Reply.of(add_on_reply(add_on))

    def get(self, call: Call) -> Reply:
        """One add-on."""
        return Reply.of(add_on_reply(_find(self._cluster(call), call)))

    def update(self, call: Call) -> Reply:
        """Merge a config into an add-on's."""
        cluster, body = self._changeable(call), Body.of(call.body)
        add_on = _find(cluster, call)
        config = read_add_on_config(body)
        self._cloud.refuse_unknown(body)
        if not config:
            raise body.bad("config", "is required: nothing is to be changed")
        add_on.config = {**add_on.config, **config}
        self._transitions.touch(cluster)
        return Reply.of(add_on_reply(add_on))

    def delete(self, call: Call) -> Reply:
        """Take an add-on away."""
        cluster = self._changeable(call)
        cluster.add_ons.remove(_find(cluster, call))
        self._transitions.touch(cluster)
        return Reply.of({})

    def _cluster(self, call: Call) -> Cluster:
        return self._transitions.find(call.params["cluster_id"])

    def _changeable(self, call: Call) -> Cluster:
        cluster = self._cluster(call)
        if cluster.status == "Deleting":
            raise Refusal(self._cloud.switches.conflict_status, f"cluster {cluster.id} is being deleted", "conflict")
        return cluster


def _find(cluster: Cluster, call: Call) -> AddOn:
    for add_on in cluster.add_ons:
        if add_on.name == call.params["addon_id"]:
            return add_on
    raise Refusal(404, f"add-on {call.params['addon_id']} not found", "not_found")
