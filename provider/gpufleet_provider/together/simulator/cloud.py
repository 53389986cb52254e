"""The simulated Together as a whole: its routes, keys and error bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.wire import Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import World
from gpufleet_provider.together.simulator.add_ons import AddOns
from gpufleet_provider.together.simulator.catalogue import regions
from gpufleet_provider.together.simulator.cluster_transitions import ClusterTransitions
from gpufleet_provider.together.simulator.clusters import Clusters
from gpufleet_provider.together.simulator.identity import Identity
from gpufleet_provider.together.simulator.remediations import Remediations
from gpufleet_provider.together.simulator.stock import Stock
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
_ADD_ONS = "/compute/clusters/{cluster_id}/addons"
_REMEDIATIONS = "/compute/clusters/{cluster_id}/instances/{instance_id}/remediations"


class Together(SimulatedCloud[TogetherSwitches]):
    """`/together/v1`, and `/together/v3/whoami`.

    The key `wrong` is answered with 401, `forbidden` with 403, `member` with 403 unless it reads.
    """

    name = "together"
    prefix = "/together/v1"
    name_fields = ("cluster_name", "volume_name")

    def __init__(self, world: World) -> None:
        super().__init__(world, TogetherSwitches())
        stock = Stock(self)
        self._volumes = Volumes(self, self._forget_rendered)
        self._transitions = ClusterTransitions(self, self._volumes, stock)
        self._remediations = Remediations(self, self._transitions)
        self._clusters = Clusters(self, self._transitions, self._volumes, stock, self._remediations.all)
        self._add_ons = AddOns(self, self._transitions)
        self._identity = Identity(self._used_project_ids)
        self.stores = [self._transitions, self._volumes, self._remediations]
        self.routes = self._routes()

    def _routes(self) -> list[Route]:
        clusters, volumes, remediations = self._clusters, self._volumes, self._remediations
        add_ons, identity = self._add_ons, self._identity
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
            Route("GET", _ADD_ONS, add_ons.list),
            Route("POST", _ADD_ONS, add_ons.create),
            Route("GET", _ADD_ONS + "/{addon_id}", add_ons.get),
            Route("PUT", _ADD_ONS + "/{addon_id}", add_ons.update),
            Route("DELETE", _ADD_ONS + "/{addon_id}", add_ons.delete),
            Route("GET", "/projects", identity.projects),
            Route("GET", "/v3/whoami", identity.whoami),
        ]

    def authorize(self, call: Call) -> None:
        """Accept any bearer token but `wrong` and `forbidden`; `member` may only read."""
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() in ("", "wrong"):
            raise Refusal(401, "Invalid API key provided", "invalid_api_key")
        if key == "forbidden" or (key == "member" and call.method != "GET"):
            raise Refusal(403, "You do not have permission to perform this action", "permission_denied")

    def refuse(self, refusal: Refusal) -> Reply:
        """The error body in the shape that the switch `error_shape` says."""
        status = refusal.status
        if status == 400 and refusal.code == "invalid_request":
            status = self.switches.invalid_status
        shape = self.switches.error_shape
        if shape == "text":
            return Reply(status, refusal.message.encode(), "text/plain; charset=utf-8")
        if shape == "rpc":
            message = f"rpc error: code {_RPC_CODES.get(status, 13)}"
            details = [{"detail": refusal.message}]
            return Reply.of({"message": message, "code": _RPC_CODES.get(status, 13), "details": details}, status)
        error = {
            "message": refusal.message,
            "type": _ERROR_TYPES.get(status, "server_error"),
            "param": refusal.param,
            "code": refusal.code,
        }
        return Reply.of({"error": error}, status)

    def sold_out(self) -> Refusal:
        """409 `Out of stock`."""
        return Refusal(409, "Out of stock", "out_of_stock")

    def insufficient_funds(self) -> Refusal:
        """402, as for a spending limit."""
        return Refusal(402, "Your organization has run out of credits", "insufficient_credits")

    def on_credits_exhausted(self) -> None:
        """Pause on-demand clusters, which are deleted later, and revoke the access to volumes."""
        for cluster in self._transitions.living.values():
            is_running = cluster.delete_requested is None and "Paused" not in cluster.status
            if is_running and cluster.billing_type == "ON_DEMAND":
                self._transitions.pause(cluster)
                self._transitions.touch(cluster)
        self._volumes.set_access(revoked=True)

    def on_credits_restored(self) -> None:
        """Resume paused clusters, and restore the access to volumes."""
        self._volumes.set_access(revoked=False)
        for cluster in self._transitions.living.values():
            if cluster.status == "OnDemandComputePaused":
                self._transitions.recover(cluster)
                self._transitions.touch(cluster)

    def intervene(self, record_id: str, action: str, details: Mapping[str, Any]) -> bool:
        """As the stores say; `remediate` proposes a remediation of a cluster's first worker."""
        cluster = self._transitions.living.get(record_id)
        if cluster is not None and action == "remediate":
            self._remediations.propose(cluster, str(details.get("mode", "REMEDIATION_MODE_VM_ONLY")))
            return True
        return super().intervene(record_id, action, details)

    def _used_project_ids(self) -> set[str]:
        return {it.project_id for store in (self._transitions, self._volumes) for it in store.living.values()}

    def _forget_rendered(self, cluster_id: str) -> None:
        if cluster_id in self._transitions.all:
            self._transitions.all[cluster_id].rendered = None
