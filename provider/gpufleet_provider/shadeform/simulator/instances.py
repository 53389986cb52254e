"""Single instances of the simulated Shadeform."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gpufleet_provider.shadeform.simulator.catalogue import OFFERS, OS_OPTIONS, Offer, find_offer, instance_type
from gpufleet_provider.shadeform.simulator.clusters import Clusters, not_found
from gpufleet_provider.shadeform.simulator.records import Instance
from gpufleet_provider.shadeform.simulator.replies import instance_reply, member_reply
from gpufleet_provider.shadeform.simulator.ssh_keys import SshKeys
from gpufleet_provider.shadeform.simulator.stock import Stock
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.shadeform.simulator.volumes import Volumes
from gpufleet_provider.simulator.clock import parse_rfc3339
from gpufleet_provider.simulator.ledger import entry
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.simulator.world import Event, SimulatedCloud

PROVISIONING = (("pending_provider", 20.0), ("pending", 60.0), ("active", 240.0))
"""When each status begins, in seconds of cloud time after the creation."""
DELETE_SECONDS = 30.0


class Instances:
    """Every instance by id; `all` keeps those that are gone, for the ledger."""

    def __init__(
        self, cloud: SimulatedCloud, stock: Stock, keys: SshKeys, volumes: Volumes, clusters: Clusters
    ) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._stock = stock
        self._keys = keys
        self._volumes = volumes
        self._clusters = clusters
        self.all: dict[str, Instance] = {}

    def load(self) -> None:
        """Take up what an earlier run has left."""
        self.all = self._world.load(Instance, self._cloud)
        for instance in self.living():
            self._stock.take(_offer(instance), 1)

    # What the API offers.

    def list(self, call: Call) -> Reply:
        """All that are not deleted; those in `deleting` still show."""
        now = self._world.now
        shown = [instance_reply(it, now, in_full=False) for it in self.living()]
        switches = self._cloud.switches
        assert isinstance(switches, ShadeformSwitches)
        if switches.members_are_instances:
            members = ((cluster, it) for cluster in self._clusters.living() for it in cluster.members)
            shown += [member_reply(cluster, member, None, now) for cluster, member in members]
        return Reply.of({"instances": shown})

    def types(self, call: Call) -> Reply:
        """The catalogue, filtered; needs no key."""
        query = call.query
        rows: list[dict[str, Any]] = []
        for offer in OFFERS:
            row = instance_type(offer, [self._stock.availability(offer)])
            configuration = row["configuration"]
            facts = {
                "cloud": offer.cloud,
                "region": offer.region,
                "num_gpus": str(configuration["num_gpus"]),
                "gpu_type": configuration["gpu_type"],
                "shade_instance_type": offer.machine,
                "available": str(row["availability"][0]["available"]).lower(),
            }
            if all(query.get(key, fact).lower() == fact.lower() for key, fact in facts.items()):
                rows.append(row)
        if query.get("sort") == "price":
            rows.sort(key=lambda row: row["hourly_price"])
        return Reply.of({"instance_types": rows})

    def create(self, call: Call) -> Reply:
        """Queued at once."""
        body = Body.of(call.body)
        cloud, region, machine, name = (body.need_text(it) for it in ("cloud", "region", "shade_instance_type", "name"))
        shade_cloud = body.flag("shade_cloud")
        rental_type = body.one_of("rental_type", ("on_demand", "spot")) or "on_demand"
        volume_ids = body.texts("volume_ids") or []
        os = body.text("os")
        body.text("template_id")
        launch = _launch_configuration(body.child("launch_configuration"))
        envs = [{"name": it.need_text("name"), "value": it.need_text("value")} for it in body.children("envs") or []]
        mount = body.child("volume_mount")
        instance = Instance(
            id=str(uuid4()),
            name=name,
            created=self._world.stamp(),
            cloud=cloud,
            region=region,
            machine=machine,
            shade_cloud=shade_cloud is not False,
            os=os or OS_OPTIONS[0],
            rental_type=rental_type,
            ssh_key_id=self._keys.choose(body.text("ssh_key_id")).id,
            launch_configuration=launch,
            volume_ids=volume_ids,
            auto_delete=_thresholds(body.child("auto_delete")),
            alert=_thresholds(body.child("alert")),
            volume_mount=None if mount is None else {"auto": bool(mount.flag("auto"))},
            tags=body.texts("tags") or [],
            envs=envs,
        )
        self._cloud.refuse_unknown(body)
        offer = find_offer(cloud, region, machine)
        if offer is None:
            raise body.bad("shade_instance_type", f"{machine} is not offered by {cloud} in {region}")
        if os is not None and os not in OS_OPTIONS:
            raise body.bad("os", f"{os!r} is not an option of {machine}")
        if len(volume_ids) > 1:
            raise body.bad("volume_ids", "can hold one volume at most")
        if rental_type == "spot" and not instance.shade_cloud:
            raise body.bad("rental_type", "spot needs shade_cloud")
        self._cloud.refuse_without_credits()
        self._stock.check(offer, 1)
        self._volumes.mount(volume_ids, instance)
        self._begin(instance, offer)
        return Reply.of({"id": instance.id})

    def info(self, call: Call) -> Reply:
        """One that is not deleted."""
        return Reply.of(instance_reply(self._find(call), self._world.now, in_full=True))

    def update(self, call: Call) -> Reply:
        """Only name, auto_delete, alert and tags; a null deletes, what is left out stays."""
        instance = self._find(call)
        body = Body.of(call.body)
        name, tags = body.text("name"), body.texts("tags")
        auto_delete, alert = _thresholds(body.child("auto_delete")), _thresholds(body.child("alert"))
        self._cloud.refuse_unknown(body)
        instance.name = name or instance.name
        if tags is not None or body.is_null("tags"):
            instance.tags = tags or []
        if auto_delete is not None or body.is_null("auto_delete"):
            instance.auto_delete = auto_delete
            self._plan_auto_delete(instance)
        if alert is not None or body.is_null("alert"):
            instance.alert = alert
        self._touch(instance)
        return Reply(200, b"")

    def restart(self, call: Call) -> Reply:
        """Only initiated; the status stays."""
        instance = self._find(call)
        if instance.status != "active":
            raise Refusal(409, "The instance is not active", "INVALID_STATE")
        return Reply(200, b"")

    def delete(self, call: Call) -> Reply:
        """Accepted with an empty body; the bill stops here."""
        self.begin_delete(self._find(call), "delete")
        return Reply(200, b"")

    # What happens by itself.

    def happen(self, instance: Instance, event: Event) -> None:
        """An event that was planned."""
        if event.name == "status":
            instance.status = event.detail
            if event.detail == "active":
                instance.active_at = self._world.now
                instance.ready = self._world.stamp()
        elif event.name == "auto_delete":
            self.begin_delete(instance, "auto_delete")
        elif event.name == "gone":
            self.end(instance, instance.gone_because)

    def begin_delete(self, instance: Instance, reason: str) -> None:
        """It goes; it is no longer billed."""
        if instance.status == "deleting":
            return
        instance.cancel()
        instance.status = "deleting"
        instance.delete_requested = self._world.stamp()
        instance.gone_because = reason
        instance.plan(self._world.now + DELETE_SECONDS, "gone")
        self._cloud.account.set_rate(instance.meter, 0, self._world.now)
        self._touch(instance)

    def end(self, instance: Instance, reason: str) -> None:
        """It is no more."""
        instance.cancel()
        instance.status = "deleted"
        instance.gone = self._world.stamp()
        instance.gone_because = reason
        self._stock.give_back(_offer(instance), 1)
        self._volumes.unmount(instance)
        self._cloud.account.set_rate(instance.meter, 0, self._world.now)
        self._touch(instance)

    def fail(self, instance: Instance, details: str) -> None:
        """It ends in error and goes on costing money."""
        instance.cancel("status")
        instance.status, instance.status_details = "error", details

    def living(self) -> list[Instance]:
        """All that are not gone."""
        return [it for it in self.all.values() if it.gone is None]

    def ledger(self) -> list[dict[str, Any]]:
        """Every instance that ever was."""
        now = self._world.now
        return [
            entry(self._cloud.name, it, it.status, now, on=it.cloud, region=it.region, shade_instance_type=it.machine)
            for it in self.all.values()
        ]

    def _begin(self, instance: Instance, offer: Offer) -> None:
        world = self._world
        self.all[instance.id] = instance
        self._stock.take(offer, 1)
        self._cloud.account.set_rate(instance.meter, offer.cents_per_hour / 100, world.now)
        self._cloud.watch_credits()
        pace = world.pace(instance.name, PROVISIONING[-1][1])
        for status, seconds in PROVISIONING:
            instance.plan(world.now + seconds * pace, "status", status)
        self._plan_auto_delete(instance)
        self._touch(instance)

    def _plan_auto_delete(self, instance: Instance) -> None:
        instance.cancel("auto_delete")
        limits = instance.auto_delete or {}
        moments: list[float] = []
        if "date_threshold" in limits:
            moments.append(parse_rfc3339(limits["date_threshold"]) or self._world.now)
        if "spend_threshold" in limits:
            left = float(limits["spend_threshold"]) - instance.meter.dollars(self._world.now)
            moments.append(self._world.now + max(left, 0) / instance.meter.dollars_per_hour * 3600)
        if moments:
            instance.plan(max(min(moments), self._world.now), "auto_delete")

    def _find(self, call: Call) -> Instance:
        instance = self.all.get(call.params["id"])
        if instance is None or instance.gone is not None:
            raise not_found("instance", call.params["id"])
        return instance

    def _touch(self, instance: Instance) -> None:
        self._world.touch(self._cloud, instance)


def _offer(instance: Instance) -> Offer:
    offer = find_offer(instance.cloud, instance.region, instance.machine)
    assert offer is not None
    return offer


def _thresholds(body: Body | None) -> dict[str, Any] | None:
    if body is None:
        return None
    found: dict[str, Any] = {}
    if body.instant("date_threshold") is not None:
        found["date_threshold"] = body.text("date_threshold")
    spend = body.text("spend_threshold")
    if spend is not None:
        if not spend.replace(".", "", 1).isdigit():
            raise body.bad("spend_threshold", "must be a decimal number of dollars")
        found["spend_threshold"] = spend
    return found


def _launch_configuration(body: Body | None) -> dict[str, Any] | None:
    """Echoed as it was sent, secrets and all."""
    if body is None:
        return None
    kind = body.one_of("type", ("docker", "script")) or body.need_text("type")
    docker, script = body.child("docker_configuration"), body.child("script_configuration")
    if (docker is None) == (script is None) or (docker is None) != (kind == "script"):
        raise body.bad("type", f"{kind} needs {kind}_configuration and nothing else")
    if script is not None:
        return {"type": kind, "script_configuration": {"base64_script": script.need_text("base64_script")}}
    assert docker is not None
    docker.need_text("image")
    for name in ("envs", "port_mappings", "volume_mounts"):
        docker.children(name)
    docker.text("args")
    docker.integer("shared_memory_in_gb")
    docker.child("registry_credentials")
    return {"type": kind, "docker_configuration": docker.as_sent()}
