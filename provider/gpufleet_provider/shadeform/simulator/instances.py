"""The single instances of the simulated Shadeform: their routes, and what happens to them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from gpufleet_provider.shadeform.simulator.catalogue import OFFERS, instance_type
from gpufleet_provider.shadeform.simulator.cluster_transitions import ClusterTransitions
from gpufleet_provider.shadeform.simulator.provisioning import INSTANCE_DELETE_SECONDS, INSTANCE_STEPS
from gpufleet_provider.shadeform.simulator.records import Instance
from gpufleet_provider.shadeform.simulator.replies import instance_reply, member_reply
from gpufleet_provider.shadeform.simulator.requests import instance_offer, read_instance, read_thresholds
from gpufleet_provider.shadeform.simulator.ssh_keys import SshKeys
from gpufleet_provider.shadeform.simulator.stock import Stock
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.shadeform.simulator.volumes import Volumes
from gpufleet_provider.simulator.clock import parse_rfc3339
from gpufleet_provider.simulator.cloud import SimulatedCloud, Store
from gpufleet_provider.simulator.record import Event
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply


class Instances(Store[Instance, ShadeformSwitches]):
    """Every instance."""

    record_type = Instance

    def __init__(
        self,
        cloud: SimulatedCloud[ShadeformSwitches],
        stock: Stock,
        keys: SshKeys,
        volumes: Volumes,
        clusters: ClusterTransitions,
    ) -> None:
        super().__init__(cloud)
        self._stock = stock
        self._keys = keys
        self._volumes = volumes
        self._clusters = clusters

    def load(self) -> None:
        """Load what an earlier run has saved."""
        super().load()
        for instance in self.living.values():
            self._stock.take(instance.offer, 1)

    # What the API offers.

    def list(self, call: Call) -> Reply:
        """Every instance that is not deleted, including those in `deleting`."""
        now = self.world.now
        shown = [instance_reply(it, now, in_full=False) for it in self.shown()]
        if self.cloud.switches.members_are_instances:
            members = ((cluster, it) for cluster in self._clusters.living.values() for it in cluster.members)
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
        """Queued at once; a create without stock is refused."""
        body = Body.of(call.body)
        fields = read_instance(body)
        fields["ssh_key_id"] = self._keys.choose(fields["ssh_key_id"]).id
        self.cloud.refuse_unknown(body)
        offer = instance_offer(body, fields)
        self.cloud.refuse_without_credits()
        self._stock.check(offer, 1)
        instance = Instance(id=str(uuid4()), created=self.world.stamp(), **fields)
        self._volumes.mount(instance.volume_ids, instance)
        self._order(instance)
        return Reply.of({"id": instance.id})

    def info(self, call: Call) -> Reply:
        """An instance that is not deleted."""
        return Reply.of(instance_reply(self._find(call), self.world.now, in_full=True))

    def update(self, call: Call) -> Reply:
        """Only name, auto_delete, alert and tags; null removes a value, a field that is left out keeps it."""
        instance = self._find(call)
        body = Body.of(call.body)
        name, tags = body.text("name"), body.texts("tags")
        auto_delete, alert = read_thresholds(body.child("auto_delete")), read_thresholds(body.child("alert"))
        self.cloud.refuse_unknown(body, tolerated_nulls=("auto_delete", "alert", "tags"))
        if not body.as_sent():
            raise Refusal(400, "the body is empty: nothing is to be changed", "invalid_request")
        instance.name = name or instance.name
        if tags is not None or body.is_null("tags"):
            instance.tags = tags or []
        if auto_delete is not None or body.is_null("auto_delete"):
            instance.auto_delete = auto_delete
            self._plan_auto_delete(instance)
        if alert is not None or body.is_null("alert"):
            instance.alert = alert
        self.touch(instance)
        return Reply(200, b"")

    def restart(self, call: Call) -> Reply:
        """Accepted for an active instance; its status does not change."""
        instance = self._find(call)
        if instance.status != "active":
            raise Refusal(409, "The instance is not active", "INVALID_STATE")
        return Reply(200, b"")

    def delete(self, call: Call) -> Reply:
        """Accepted with an empty body; the billing stops at once."""
        self.begin_delete(self._find(call), "delete")
        return Reply(200, b"")

    # What happens afterwards.

    def apply_event(self, record: Instance, event: Event) -> None:
        """Carry out an event that was planned for the instance."""
        if event.name == "status":
            record.status = event.detail
            if event.detail == "active":
                record.active_at = self.world.now
                record.ready = self.world.stamp()
        elif event.name == "auto_delete":
            self.begin_delete(record, "auto_delete")
        elif event.name == "gone":
            self.end(record, record.gone_because)

    def intervene(self, record: Instance, action: str, details: Mapping[str, Any]) -> None:
        """`vanish`, `edit`, or `fail`: the instance stays in status error, and is billed until it is deleted."""
        if action == "fail":
            record.cancel("status")
            record.status, record.status_details = "error", str(details.get("details", "Provisioning failed"))
        else:
            super().intervene(record, action, details)

    def begin_delete(self, instance: Instance, reason: str) -> None:
        """Mark the instance as deleting, stop its billing, and plan its end."""
        if instance.status == "deleting":
            return
        instance.cancel()
        instance.status = "deleting"
        instance.delete_requested = self.world.stamp()
        instance.gone_because = reason
        instance.plan(self.world.now + INSTANCE_DELETE_SECONDS, "gone")
        self.cloud.set_rate(instance, 0)
        self.touch(instance)

    def end(self, record: Instance, reason: str) -> None:
        """Mark the instance deleted, give back its machine, and unmount its volumes."""
        super().end(record, reason)
        record.status = "deleted"
        self._stock.give_back(record.offer, 1)
        self._volumes.unmount(record)

    def _order(self, instance: Instance) -> None:
        world = self.world
        self._stock.take(instance.offer, 1)
        self.cloud.set_rate(instance, instance.offer.cents_per_hour / 100)
        pace = world.pace(instance.name, INSTANCE_STEPS[-1][1])
        for status, seconds in INSTANCE_STEPS:
            instance.plan(world.now + seconds * pace, "status", status)
        self._plan_auto_delete(instance)
        self.insert(instance)

    def _plan_auto_delete(self, instance: Instance) -> None:
        instance.cancel("auto_delete")
        limits = instance.auto_delete or {}
        moments: list[float] = []
        if "date_threshold" in limits:
            moments.append(parse_rfc3339(limits["date_threshold"]) or self.world.now)
        if "spend_threshold" in limits:
            left = float(limits["spend_threshold"]) - instance.meter.dollars(self.world.now)
            moments.append(self.world.now + max(left, 0) / instance.meter.dollars_per_hour * 3600)
        if moments:
            instance.plan(max(min(moments), self.world.now), "auto_delete")

    def _find(self, call: Call) -> Instance:
        return self.find(call.params["id"])
