"""The simulated Shadeform in one piece: routes, keys, errors, and what can be done to it from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gpufleet_provider.shadeform.simulator.clusters import Clusters
from gpufleet_provider.shadeform.simulator.instances import Instances
from gpufleet_provider.shadeform.simulator.records import Cluster, Instance, SshKey, Volume
from gpufleet_provider.shadeform.simulator.ssh_keys import SshKeys
from gpufleet_provider.shadeform.simulator.stock import Stock
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.shadeform.simulator.volumes import Volumes
from gpufleet_provider.simulator.wire import Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import Event, Record, SimulatedCloud, World


class Shadeform(SimulatedCloud):
    """`/shadeform/v1`. A key `wrong` answers 401, `forbidden` 403. Only GET and POST exist."""

    name = "shadeform"
    prefix = "/shadeform/v1"
    switches_type = ShadeformSwitches

    def __init__(self, world: World) -> None:
        super().__init__(world)
        stock = Stock(self)
        self.volumes = Volumes(self)
        self.ssh_keys = SshKeys(self, self._ssh_keys_in_use)
        self.clusters = Clusters(self, stock, self.ssh_keys)
        self.instances = Instances(self, stock, self.ssh_keys, self.volumes, self.clusters)
        self.routes = self._routes()

    def _routes(self) -> list[Route]:
        clusters, instances, keys, volumes = self.clusters, self.instances, self.ssh_keys, self.volumes
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

    def authorize(self, call: Call, route: Route) -> None:
        """Any key but `wrong`."""
        key = call.headers.get("X-API-KEY", "").strip()
        if key in ("", "wrong"):
            raise Refusal(401, "Invalid API key", "INVALID_API_KEY")
        if key == "forbidden":
            raise Refusal(403, "The resource belongs to another account", "FORBIDDEN")

    def refuse(self, refusal: Refusal) -> Reply:
        """In the shape that the switch says; a wrong key has its own."""
        status = refusal.status
        if status == 400 and refusal.code == "invalid_request":
            status = self._switches.invalid_status
        if status == 401 or self._switches.error_shape == "message":
            return Reply.of({"message": refusal.message}, status)
        code = (refusal.code or f"HTTP_{status}").upper()
        if self._switches.error_shape == "nested":
            return Reply.of({"error": {"code": code, "message": refusal.message}}, status)
        return Reply.of({"error_code": code, "error": refusal.message}, status)

    def sold_out(self, call: Call) -> Refusal:
        """As the stock would say it."""
        return Refusal(409, "The instance type is not available in the region", "OUT_OF_STOCK")

    def insufficient_funds(self) -> Refusal:
        """The wallet is empty."""
        status = self._switches.insufficient_funds_status
        return Refusal(status, "Insufficient funds, please add a payment method", "INSUFFICIENT_FUNDS")

    def run_out(self) -> None:
        """Nobody says what happens to what runs; it goes on."""
        return None

    def refilled(self) -> None:
        """Creates are taken again."""
        return None

    def switched(self) -> None:
        """Replies may look different from now on."""
        super().switched()
        for cluster in self.clusters.all.values():
            cluster.rendered = None

    def happen(self, record: Record, event: Event) -> None:
        """To whichever kind of thing it is planned for."""
        if isinstance(record, Cluster):
            self.clusters.happen(record, event)
        elif isinstance(record, Instance):
            self.instances.happen(record, event)

    def records(self) -> Iterable[Record]:
        """Clusters, instances, volumes, keys."""
        return [
            *self.clusters.all.values(),
            *self.instances.all.values(),
            *self.volumes.all.values(),
            *self.ssh_keys.all.values(),
        ]

    def load(self) -> None:
        """All kinds; their order does not matter."""
        self.ssh_keys.load()
        self.volumes.load()
        self.clusters.load()
        self.instances.load()

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Clusters, volumes, instances, keys."""
        return {
            "clusters": self.clusters.ledger(),
            "volumes": self.volumes.ledger(),
            "instances": self.instances.ledger(),
            "ssh_keys": self.ssh_keys.ledger(),
        }

    def intervene(self, record: Record, action: str, details: Mapping[str, Any]) -> None:
        """All: `vanish`, `edit`; clusters: `degrade`, `recover`, `fail`, `stick`, `delete`; instances: `fail`."""
        if action == "edit":
            record.edit(details)
        elif isinstance(record, Cluster):
            self._intervene_cluster(record, action, details)
        elif isinstance(record, Instance) and action in ("vanish", "fail"):
            if action == "fail":
                self.instances.fail(record, str(details.get("details", "Provisioning failed")))
            else:
                self.instances.end(record, "vanished")
        elif isinstance(record, Volume) and action == "vanish":
            self.volumes.end(record, "vanished")
        elif isinstance(record, SshKey) and action == "vanish":
            self.ssh_keys.end(record, "vanished")
        else:
            raise Refusal(400, f"unknown action {action!r}")
        self.world.touch(self, record)

    def _intervene_cluster(self, cluster: Cluster, action: str, details: Mapping[str, Any]) -> None:
        if action == "vanish":
            self.clusters.end(cluster, "vanished")
        elif action == "degrade":
            self.clusters.degrade(cluster)
        elif action == "recover":
            for member in cluster.members:
                member.status = "active"
            cluster.status = "active"
        elif action == "fail":
            self.clusters.fail(cluster, str(details.get("details", "Provisioning failed")))
        elif action == "stick":
            cluster.cancel("status", "member")
        elif action == "delete":
            self.clusters.begin_delete(cluster, "outside")
        else:
            raise Refusal(400, f"unknown action {action!r}")

    def _ssh_keys_in_use(self) -> set[str]:
        machines = [*self.clusters.living(), *self.instances.living()]
        return {it.ssh_key_id for it in machines}

    @property
    def _switches(self) -> ShadeformSwitches:
        assert isinstance(self.switches, ShadeformSwitches)
        return self.switches
