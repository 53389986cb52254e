"""Clusters of the simulated Shadeform: what the API does to them, and what happens to them by itself."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, uuid4, uuid5

from gpufleet_provider.shadeform.simulator.catalogue import OFFERS, OS_OPTIONS, Offer, find_offer, instance_type
from gpufleet_provider.shadeform.simulator.records import Cluster, Machine
from gpufleet_provider.shadeform.simulator.replies import billing_period, cluster_reply, offer_of
from gpufleet_provider.shadeform.simulator.ssh_keys import SshKeys
from gpufleet_provider.shadeform.simulator.stock import Stock
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.faults import Fate
from gpufleet_provider.simulator.ledger import entry
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply, json_bytes
from gpufleet_provider.simulator.world import Event, SimulatedCloud


class Step(NamedTuple):
    """A status, what it says to people, and how long it lasts in cloud time."""

    status: str
    details: str
    seconds: float


PROVISIONING = (
    Step("creating", "Cluster is queued", 60),
    Step("pending_provider", "Cluster is provisioning", 240),
    Step("pending", "Instances are booting", 300),
)
DELETE_SECONDS = 120.0
LATE_MEMBER_SECONDS = 120.0
USUAL_SECONDS = sum(step.seconds for step in PROVISIONING)


class Clusters:
    """Every cluster by id; `all` keeps those that are gone, for the ledger."""

    def __init__(self, cloud: SimulatedCloud, stock: Stock, keys: SshKeys) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._stock = stock
        self._keys = keys
        self.all: dict[str, Cluster] = {}
        self._living: dict[str, Cluster] = {}

    @property
    def _switches(self) -> ShadeformSwitches:
        switches = self._cloud.switches
        assert isinstance(switches, ShadeformSwitches)
        return switches

    def load(self) -> None:
        """Take up what an earlier run has left."""
        self.all = self._world.load(Cluster, self._cloud)
        self._living = {it.id: it for it in self.all.values() if it.gone is None}
        for cluster in self._living.values():
            self._stock.take(offer_of(cluster), cluster.num_instances)

    # What the API offers.

    def create(self, call: Call) -> Reply:
        """Queued at once, placed later; what is sold out is refused here."""
        body = Body.of(call.body)
        name, cloud, region, machine = (body.need_text(it) for it in ("name", "cloud", "region", "cluster_type"))
        num_instances = body.need_integer("num_instances")
        key_id, os = body.text("ssh_key_id"), body.text("os")
        self._cloud.refuse_unknown(body)
        offer = find_offer(cloud, region, machine)
        if offer is None or not offer.sizes:
            raise body.bad("cluster_type", f"{machine} is not offered by {cloud} in {region}")
        if num_instances < 1 or (self._switches.sizes == "offered" and num_instances not in offer.sizes):
            raise body.bad("num_instances", f"must be one of {', '.join(map(str, offer.sizes))}")
        if os is not None and os not in OS_OPTIONS:
            raise body.bad("os", f"{os!r} is not an option of {machine}")
        key = self._keys.choose(key_id)
        self._cloud.refuse_without_credits()
        if self._switches.unique_cluster_names and any(it.name == name for it in self._living.values()):
            raise Refusal(409, "name must be unique", "NAME_TAKEN")
        self._stock.check(offer, num_instances)
        cluster = self._make(name, offer, num_instances, key.id, os or OS_OPTIONS[0], call.fates)
        return Reply.of({"id": cluster.id})

    def info(self, call: Call) -> Reply:
        """A cluster that is not deleted."""
        cluster = self._find(call.params["id"])
        if cluster.status == "deleting" and self._switches.read_while_deleting == 404:
            raise not_found("cluster", cluster.id)
        return Reply(200, self.rendered(cluster))

    def list(self, call: Call) -> Reply:
        """All of them that are not deleted."""
        shown = [it for it in self._living.values() if it.is_visible]
        if not self._switches.list_while_deleting:
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
        """Accepted with an empty body; the bill stops here."""
        cluster = self._find(call.params["id"])
        if cluster.status == "deleting":
            if self._switches.delete_while_deleting == 404:
                raise not_found("cluster", cluster.id)
            if self._switches.delete_while_deleting == 409:
                raise Refusal(409, "The cluster is already being deleted", "INVALID_STATE")
            return Reply(200, b"")
        if cluster.active_at is None and cluster.status != "error" and self._switches.delete_while_creating == "refuse":
            raise Refusal(409, "The cluster is still being created", "INVALID_STATE")
        self.begin_delete(cluster, "delete")
        return Reply(200, b"")

    # What happens by itself.

    def happen(self, cluster: Cluster, event: Event) -> None:
        """An event that was planned."""
        now = self._world.now
        cluster.updated_at = now
        if event.name == "status":
            status, _, details = event.detail.partition("|")
            self._enter(cluster, status, details)
        elif event.name == "member":
            number, status = event.detail.split(" ")
            self._enter_member(cluster, int(number), status)
        elif event.name == "visible":
            cluster.is_visible = True
        elif event.name == "degrade":
            self.degrade(cluster)
        elif event.name == "gone":
            self.end(cluster, cluster.gone_because)
        elif event.name == "vanish":
            self.end(cluster, "vanished")

    def begin_delete(self, cluster: Cluster, reason: str) -> None:
        """The cluster goes; it is no longer billed."""
        cluster.cancel()
        cluster.delete_requested = self._world.stamp()
        cluster.gone_because = reason
        for member in cluster.members:
            member.status = "deleting"
        self._enter(cluster, "deleting", "Cluster is being deleted")
        cluster.plan(self._world.now + DELETE_SECONDS, "gone")
        self._cloud.account.set_rate(cluster.meter, 0, self._world.now)
        self._world.touch(self._cloud, cluster)

    def end(self, cluster: Cluster, reason: str) -> None:
        """It is no more."""
        cluster.cancel()
        cluster.status = "deleted"
        cluster.gone = self._world.stamp()
        cluster.gone_because = reason
        self._living.pop(cluster.id, None)
        self._stock.give_back(offer_of(cluster), cluster.num_instances)
        self._cloud.account.set_rate(cluster.meter, 0, self._world.now)
        self._world.touch(self._cloud, cluster)

    def degrade(self, cluster: Cluster) -> None:
        """One machine fails while the cluster says active."""
        if cluster.members:
            cluster.members[-1].status = "error"

    def fail(self, cluster: Cluster, details: str) -> None:
        """It ends in error, exists on, and goes on costing money."""
        cluster.cancel("status", "member")
        self._enter(cluster, "error", details)

    # What others ask.

    def rendered(self, cluster: Cluster) -> bytes:
        """The cluster as JSON, made once per change and billing period."""
        period = billing_period(self._world.now)
        if cluster.rendered is None or cluster.rendered_period != period:
            reply = cluster_reply(cluster, self._switches, self._world.canary, self._world.now)
            cluster.rendered, cluster.rendered_period = json_bytes(reply), period
        return cluster.rendered

    def living(self) -> list[Cluster]:
        """All that are not gone."""
        return list(self._living.values())

    def ledger(self) -> list[dict[str, Any]]:
        """Every cluster that ever was."""
        now = self._world.now
        return [
            entry(
                self._cloud.name,
                it,
                it.status,
                now,
                on=it.cloud,
                region=it.region,
                cluster_type=it.machine,
                num_instances=it.num_instances,
            )
            for it in self.all.values()
        ]

    # How it is done.

    def _make(self, name: str, offer: Offer, num_instances: int, key_id: str, os: str, fates: list[Fate]) -> Cluster:
        world = self._world
        cluster = Cluster(
            id=str(uuid4()),
            name=name,
            created=world.stamp(),
            cloud=offer.cloud,
            region=offer.region,
            machine=offer.machine,
            num_instances=num_instances,
            ssh_key_id=key_id,
            os=os,
            status=PROVISIONING[0].status,
            status_details=PROVISIONING[0].details,
            updated_at=world.now,
            pace=world.pace(name, USUAL_SECONDS),
        )
        self.all[cluster.id] = self._living[cluster.id] = cluster
        self._stock.take(offer, num_instances)
        self._cloud.account.set_rate(cluster.meter, offer.cents_per_hour / 100 * num_instances, world.now)
        self._cloud.watch_credits()
        self._plan(cluster, fates)
        if self._switches.visible_after_seconds > 0:
            cluster.is_visible = False
            cluster.plan(world.now + self._switches.visible_after_seconds, "visible")
        world.touch(self._cloud, cluster)
        return cluster

    def _plan(self, cluster: Cluster, fates: list[Fate]) -> None:
        start = self._world.now
        kinds = {fate.kind: fate for fate in fates}
        stuck = kinds.get("stuck")
        at = start
        for step in PROVISIONING:
            if at > start:
                cluster.plan(at, "status", f"{step.status}|{step.details}")
            if step.status == "pending_provider":
                self._plan_members(cluster, at, start + USUAL_SECONDS * cluster.pace)
            if stuck is not None and step.status == (stuck.phase or "pending_provider"):
                cluster.cancel("member")
                return
            at += step.seconds * cluster.pace
        if "provisioning_failed" in kinds:
            cluster.plan(at, "status", "error|Provisioning failed at the cloud provider")
        elif "paused" in kinds:
            cluster.plan(at, "status", "error|Paused by the cloud provider")
        else:
            cluster.plan(at, "status", "active|")
        for kind, event in (("degraded", "degrade"), ("vanished", "vanish")):
            fate = kinds.get(kind)  # pyright: ignore[reportArgumentType]
            if fate is not None:
                cluster.plan(at if fate.after_seconds is None else start + fate.after_seconds, event)

    def _plan_members(self, cluster: Cluster, start: float, end: float) -> None:
        """One by one they are placed, boot, and are up a little before the cluster is active."""
        count = cluster.num_instances
        late = LATE_MEMBER_SECONDS * cluster.pace if self._switches.active_before_members else 0.0
        for number in range(count):
            placed = start + (end - start) * 0.5 * number / count
            up = placed + (end - start) * 0.45 + (late if number == count - 1 else 0.0)
            cluster.plan(placed, "member", f"{number} pending_provider")
            cluster.plan(placed + (up - placed) * 0.3, "member", f"{number} pending")
            cluster.plan(max(up, end + late) if late and number == count - 1 else up, "member", f"{number} active")

    def _enter(self, cluster: Cluster, status: str, details: str) -> None:
        cluster.status = status
        cluster.status_details = details or None
        cluster.updated_at = self._world.now
        if status == "pending":
            cluster.cloud_cluster_id = f"cluster-{cluster.id[:8]}"
        if status == "active" and cluster.active_at is None:
            cluster.cloud_cluster_id = f"cluster-{cluster.id[:8]}"
            cluster.active_at = self._world.now
            cluster.ready = self._world.stamp()

    def _enter_member(self, cluster: Cluster, number: int, status: str) -> None:
        now = self._world.now
        member = next((it for it in cluster.members if it.number == number), None)
        if member is None:
            member_id = str(uuid5(NAMESPACE_OID, f"{cluster.id}/{number}"))
            member = Machine(id=member_id, name=f"{cluster.name}-{number}", number=number, created_at=now)
            cluster.members.append(member)
        member.status = status
        if status == "active":
            member.active_at = now

    def _find(self, cluster_id: str) -> Cluster:
        cluster = self._living.get(cluster_id)
        if cluster is None or not cluster.is_visible:
            raise not_found("cluster", cluster_id)
        return cluster


def not_found(kind: str, record_id: str) -> Refusal:
    """The 404 of every kind."""
    return Refusal(404, f"{kind} {record_id} not found", "NOT_FOUND")
