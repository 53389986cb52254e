"""The simulated Shadeform as a whole: its routes, keys and error bodies."""

from __future__ import annotations

from gpufleet_provider.shadeform.simulator.cluster_transitions import ClusterTransitions
from gpufleet_provider.shadeform.simulator.clusters import Clusters
from gpufleet_provider.shadeform.simulator.instances import Instances
from gpufleet_provider.shadeform.simulator.ssh_keys import SshKeys
from gpufleet_provider.shadeform.simulator.stock import Stock
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.shadeform.simulator.volumes import Volumes
from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.wire import Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import World


class Shadeform(SimulatedCloud[ShadeformSwitches]):
    """`/shadeform/v1`. The key `wrong` is answered with 401, `forbidden` with 403. Only GET and POST exist."""

    name = "shadeform"
    prefix = "/shadeform/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, ShadeformSwitches())
        stock = Stock(self)
        self._volumes = Volumes(self)
        self._ssh_keys = SshKeys(self, self._ssh_keys_in_use)
        self._transitions = ClusterTransitions(self, stock)
        self._clusters = Clusters(self, self._transitions, stock, self._ssh_keys)
        self._instances = Instances(self, stock, self._ssh_keys, self._volumes, self._transitions)
        self.stores = [self._transitions, self._volumes, self._instances, self._ssh_keys]
        self.routes = self._routes()

    def _routes(self) -> list[Route]:
        clusters, instances, keys, volumes = self._clusters, self._instances, self._ssh_keys, self._volumes
        return [
            Route("POST", "/clusters/create", clusters.create, creates="cluster"),
            Route("GET", "/clusters/{id}/info", clusters.info),
            Route("GET", "/clusters", clusters.list),
            Route("GET", "/clusters/types", clusters.types),
            Route("POST", "/clusters/{id}/delete", clusters.delete),
            Route("GET", "/instances", instances.list),
            Route("GET", "/instances/types", instances.types, public=True),
            Route("POST", "/instances/create", instances.create, creates="instance"),
            Route("GET", "/instances/{id}/info", instances.info),
            Route("POST", "/instances/{id}/update", instances.update),
            Route("POST", "/instances/{id}/restart", instances.restart),
            Route("POST", "/instances/{id}/delete", instances.delete),
            Route("GET", "/sshkeys", keys.list),
            Route("POST", "/sshkeys/add", keys.add, creates="ssh_key"),
            Route("GET", "/sshkeys/{id}/info", keys.info),
            Route("POST", "/sshkeys/{id}/setdefault", keys.set_default),
            Route("POST", "/sshkeys/{id}/delete", keys.delete),
            Route("GET", "/volumes", volumes.list),
            Route("GET", "/volumes/types", volumes.types),
            Route("POST", "/volumes/create", volumes.create, creates="volume"),
            Route("GET", "/volumes/{id}/info", volumes.info),
            Route("POST", "/volumes/{id}/delete", volumes.delete),
        ]

    def authorize(self, call: Call) -> None:
        """Accept any key but `wrong` and `forbidden`."""
        key = call.headers.get("X-API-KEY", "").strip()
        if key in ("", "wrong"):
            raise Refusal(401, "Invalid API key", "INVALID_API_KEY")
        if key == "forbidden":
            raise Refusal(403, "The resource belongs to another account", "FORBIDDEN")

    def refuse(self, refusal: Refusal) -> Reply:
        """The error body in the shape that the switch `error_shape` says; the one for a wrong key never changes."""
        status = refusal.status
        if status == 400 and refusal.code == "invalid_request":
            status = self.switches.invalid_status
        if status == 401 or self.switches.error_shape == "message":
            return Reply.of({"message": refusal.message}, status)
        code = (refusal.code or f"HTTP_{status}").upper()
        if self.switches.error_shape == "nested":
            return Reply.of({"error": {"code": code, "message": refusal.message}}, status)
        return Reply.of({"error_code": code, "error": refusal.message}, status)

    def sold_out(self) -> Refusal:
        """409 `OUT_OF_STOCK`."""
        return Refusal(409, "The instance type is not available in the region", "OUT_OF_STOCK")

    def insufficient_funds(self) -> Refusal:
        """`INSUFFICIENT_FUNDS`."""
        status = self.switches.insufficient_funds_status
        return Refusal(status, "Insufficient funds, please add a payment method", "INSUFFICIENT_FUNDS")

    def _ssh_keys_in_use(self) -> set[str]:
        rentals = [*self._transitions.living.values(), *self._instances.living.values()]
        return {it.ssh_key_id for it in rentals}
