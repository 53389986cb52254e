"""The simulated Together in one piece: routes, keys, errors, and what can be done to it from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gpufleet_provider.simulator.wire import Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import Event, Record, SimulatedCloud, World
from gpufleet_provider.together.simulator.catalogue import GPUS_PER_NODE, regions
from gpufleet_provider.together.simulator.clusters import Clusters
from gpufleet_provider.together.simulator.life import Life
from gpufleet_provider.together.simulator.records import Cluster, Remediation, Volume
from gpufleet_provider.together.simulator.remediations import Remediations
from gpufleet_provider.together.simulator.switches import TogetherSwitches
from gpufleet_provider.together.simulator.volumes import Volumes

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "payment_required_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_RPC_CODES = {400: 3, 401: 16, 402: 9, 403: 7, 404: 5, 405: 12, 409: 9, 422: 3, 429: 8}
_CLUSTERS = "/compute/clusters"
_VOLUMES = "/compute/clusters/storage/volumes"
_REMEDIATIONS = "/compute/clusters/{cluster_id}/instances/{instance_id}/remediations"


class Together(SimulatedCloud):
    """`/together/v1`. A key `wrong` answers 401, `forbidden` 403, `member` 403 to whatever is not a read."""

    name = "together"
    prefix = "/together/v1"
    switches_type = TogetherSwitches

    def __init__(self, world: World) -> None:
        super().__init__(world)
        by_id: dict[str, Remediation] = {}
        self.volumes = Volumes(self, self._cluster_changed)
        self.life = Life(self, self.volumes)
        self.clusters = Clusters(self, self.life, self.volumes, by_id)
        self.remediations = Remediations(self, self.life, by_id)
        self.routes = self._routes()

    def _routes(self) -> list[Route]:
        clusters, volumes, remediations = self.clusters, self.volumes, self.remediations
        one = _REMEDIATIONS + "/{remediation_id}"
        return [
            Route("POST", _CLUSTERS, clusters.create, creates="cluster"),
            Route("GET", _CLUSTERS + "/{cluster_id}", clusters.get),
            Route("GET", _CLUSTERS, clusters.list),
            Route("PUT", _CLUSTERS + "/{cluster_id}", clusters.update),
            Route("DELETE", _CLUSTERS + "/{cluster_id}", clusters.delete),
            Route("GET", "/compute/regions", lambda _: Reply.of({"regions": regions()})),
            Route("POST", _VOLUMES, volumes.create, creates="volume"),
            Route("GET", _VOLUMES + "/{volume_id}", volumes.get),
            Route("GET", _VOLUMES, volumes.list),
            Route("PUT", _VOLUMES, volumes.update),
            Route("DELETE", _VOLUMES + "/{volume_id}", volumes.delete),
            Route("POST", _REMEDIATIONS, remediations.create),
            Route("GET", one, remediations.get),
            Route("GET", _REMEDIATIONS, remediations.list),
            Route("POST", one + "/approve", remediations.approve),
            Route("POST", one + "/reject", remediations.reject),
            Route("POST", one + "/cancel", remediations.cancel),
        ]

    def authorize(self, call: Call, route: Route) -> None:
        """A bearer token, any but `wrong`."""
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() in ("", "wrong"):
            raise Refusal(401, "Invalid API key provided", "invalid_api_key")
        if key == "forbidden" or (key == "member" and call.method != "GET"):
            raise Refusal(403, "You do not have permission to perform this action", "permission_denied")

    def refuse(self, refusal: Refusal) -> Reply:
        """In the shape that the switch says."""
        status = refusal.status
        if status == 400 and refusal.code == "invalid_request":
            status = self._switches.invalid_status
        shape = self._switches.error_shape
        if shape == "text":
            return Reply(status, refusal.message.encode(), "text/plain; charset=utf-8")
        if shape == "rpc":
            words = f"rpc error: code {_RPC_CODES.get(status, 13)}"
            details = [{"detail": refusal.message}]
            return Reply.of({"message": words, "code": _RPC_CODES.get(status, 13), "details": details}, status)
        error = {
            "message": refusal.message,
            "type": _ERROR_TYPES.get(status, "server_error"),
            "param": refusal.param,
            "code": refusal.code,
        }
        return Reply.of({"error": error}, status)

    def sold_out(self, call: Call) -> Refusal:
        """The common 409."""
        return Refusal(409, "Out of stock", "out_of_stock")

    def insufficient_funds(self) -> Refusal:
        """Like a spending limit."""
        return Refusal(402, "Your organization has run out of credits", "insufficient_credits")

    def run_out(self) -> None:
        """On-demand clusters are paused first, and decommissioned later; storage is locked."""
        for cluster in self.life.all.values():
            is_running = cluster.gone is None and cluster.delete_requested is None
            if is_running and cluster.billing_type == "ON_DEMAND" and "Paused" not in cluster.status:
                self.life.pause(cluster)
                self.world.touch(self, cluster)
        self.volumes.set_access(revoked=True)

    def refilled(self) -> None:
        """Paused clusters run again."""
        self.volumes.set_access(revoked=False)
        for cluster in self.life.all.values():
            if cluster.gone is None and cluster.status == "OnDemandComputePaused":
                self.life.recover(cluster)
                self.world.touch(self, cluster)

    def switched(self) -> None:
        """Replies may look different from now on."""
        super().switched()
        for cluster in self.life.all.values():
            cluster.rendered = None

    def happen(self, record: Record, event: Event) -> None:
        """To whichever kind of thing it is planned for."""
        if isinstance(record, Cluster):
            self.life.happen(record, event)
        elif isinstance(record, Volume):
            self.volumes.happen(record, event)
        elif isinstance(record, Remediation):
            self.remediations.happen(record, event)

    def records(self) -> Iterable[Record]:
        """Clusters, volumes, remediations."""
        return [*self.life.all.values(), *self.volumes.all.values(), *self.remediations.all.values()]

    def load(self) -> None:
        """Volumes first: clusters show them."""
        self.volumes.load()
        self.remediations.load()
        self.life.load()

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Clusters and volumes."""
        return {"clusters": self.life.ledger(), "volumes": self.volumes.ledger()}

    def intervene(self, record: Record, action: str, details: Mapping[str, Any]) -> None:
        """Clusters: `vanish`, `degrade`, `recover`, `pause`, `fail`, `stick`, `delete`, `edit`, `autoscale`, `preempt`,
        `remediate`; volumes: `vanish`, `fail`, `edit`.

        `edit` sets fields of the record as another client would have; `num_gpus` also moves nodes.
        """
        if isinstance(record, Volume):
            self._intervene_volume(record, action, details)
        elif isinstance(record, Cluster):
            self._intervene_cluster(record, action, details)
        else:
            raise Refusal(400, f"nothing can be done to a {record.kind} from outside")
        self.world.touch(self, record)

    def _intervene_cluster(self, cluster: Cluster, action: str, details: Mapping[str, Any]) -> None:
        life = self.life
        if action == "vanish":
            life.end(cluster, "vanished")
        elif action == "degrade":
            life.degrade(cluster)
        elif action == "recover":
            life.recover(cluster)
        elif action == "pause":
            life.pause(cluster, str(details.get("phase", "CLUSTER_PHASE_ON_DEMAND_COMPUTE_PAUSED")))
        elif action == "fail":
            life.fail_tests(cluster, details.get("phase"))
        elif action == "stick":
            cluster.cancel("phase")
        elif action == "delete":
            life.begin_delete(cluster, "outside")
        elif action == "autoscale":
            life.autoscale(cluster, int(details["num_gpus"]))
        elif action == "preempt":
            life.preempt(cluster)
        elif action == "remediate":
            mode = str(details.get("mode", "REMEDIATION_MODE_VM_ONLY"))
            trigger, state = "REMEDIATION_TRIGGER_AUTOMATED", "PENDING_APPROVAL"
            self.remediations.make(cluster, cluster.workers[0], mode, trigger, state, "unhealthy")
        elif action == "edit":
            cluster.edit({key: value for key, value in details.items() if key != "num_gpus"})
            if "num_gpus" in details:
                life.drift(cluster, GPUS_PER_NODE * (int(details["num_gpus"]) // GPUS_PER_NODE))
        else:
            raise Refusal(400, f"unknown action {action!r}")

    def _intervene_volume(self, volume: Volume, action: str, details: Mapping[str, Any]) -> None:
        if action == "vanish":
            self.volumes.end(volume, "vanished")
        elif action == "fail":
            volume.cancel()
            volume.status = "failed"
        elif action == "edit":
            volume.edit(details)
        else:
            raise Refusal(400, f"unknown action {action!r}")
        for cluster_id in volume.attached_to:
            self._cluster_changed(cluster_id)

    def _cluster_changed(self, cluster_id: str) -> None:
        if cluster_id in self.life.all:
            self.life.all[cluster_id].rendered = None

    @property
    def _switches(self) -> TogetherSwitches:
        assert isinstance(self.switches, TogetherSwitches)
        return self.switches
