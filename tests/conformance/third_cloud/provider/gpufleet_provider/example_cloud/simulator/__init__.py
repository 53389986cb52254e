"""Example Cloud as the simulator plays it: machines that start in ten minutes and stop in one."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import uuid4

from gpufleet_provider.simulator.cloud import SimulatedCloud, Store, Switches
from gpufleet_provider.simulator.record import Event, Record
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import World


class Machine(Record):
    """A machine."""

    kind: ClassVar[str] = "example_cloud.machine"
    zone: str
    num_gpus: int
    status: str = "starting"

    def ledger_fields(self) -> dict[str, Any]:
        """What the ledger shows besides dates and costs."""
        return {"status": self.status}

    def reply(self) -> dict[str, Any]:
        """The machine as the API shows it."""
        return {name: getattr(self, name) for name in ("id", "name", "zone", "num_gpus", "status")}


class Machines(Store[Machine, Switches]):
    """Every machine."""

    record_type = Machine

    def create(self, call: Call) -> Reply:
        """The machine runs ten minutes later, or breaks where a fault rule says so."""
        body = Body.of(call.body)
        name, zone, num_gpus = body.need_text("name"), body.need_text("zone"), body.need_integer("num_gpus")
        self.cloud.refuse_unknown(body)
        self.cloud.refuse_without_credits()
        made = Machine(id=str(uuid4()), name=name, created=self.world.stamp(), zone=zone, num_gpus=num_gpus)
        made.plan(self.world.now + 600 * self.world.pace(name, 600), "broken" if call.planned_failures else "running")
        self.cloud.set_rate(made, 2.0 * num_gpus)
        return Reply.of({"id": self.insert(made).id})

    def list(self, call: Call) -> Reply:
        """All machines."""
        return Reply.of({"machines": [machine.reply() for machine in self.shown()]})

    def get(self, call: Call) -> Reply:
        """One machine."""
        return Reply.of(self.find(call.params["id"]).reply())

    def update(self, call: Call) -> Reply:
        """Only the number of GPUs changes, at once."""
        machine, body = self.find(call.params["id"]), Body.of(call.body)
        machine.num_gpus = body.need_integer("num_gpus")
        self.cloud.refuse_unknown(body)
        self.cloud.set_rate(machine, 2.0 * machine.num_gpus)
        self.touch(machine)
        return Reply.of(machine.reply())

    def delete(self, call: Call) -> Reply:
        """The machine is gone a minute later."""
        machine = self.find(call.params["id"])
        machine.cancel()
        machine.status, machine.delete_requested = "stopping", self.world.stamp()
        machine.plan(self.world.now + 60, "gone")
        self.touch(machine)
        return Reply(204, b"")

    def apply_event(self, record: Machine, event: Event) -> None:
        """It runs, it breaks, or it is gone."""
        if event.name == "gone":
            return self.end(record, "delete")
        record.status = event.name
        record.ready = self.world.stamp() if event.name == "running" else None
        return None


class ExampleCloud(SimulatedCloud[Switches]):
    """`/example_cloud/v1`. The key `wrong` is answered with 401, `forbidden` with 403."""

    name = "example_cloud"
    prefix = "/example_cloud/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, Switches())
        machines = Machines(self)
        self.stores = [machines]
        self.routes = [
            Route("POST", "/machines", machines.create, creates="machine"),
            Route("GET", "/machines", machines.list),
            Route("GET", "/machines/{id}", machines.get),
            Route("PUT", "/machines/{id}", machines.update),
            Route("DELETE", "/machines/{id}", machines.delete),
        ]

    def authorize(self, call: Call) -> None:
        """Accept any key but `wrong` and `forbidden`."""
        key = call.headers.get("Authorization", "").removeprefix("Token ").strip()
        if key in ("", "wrong"):
            raise Refusal(401, "no such token")
        if key == "forbidden":
            raise Refusal(403, "not for this token")

    def refuse(self, refusal: Refusal) -> Reply:
        """`{"detail", "code"}`."""
        return Reply.of({"detail": refusal.message, "code": refusal.code}, refusal.status)

    def sold_out(self) -> Refusal:
        """409 `sold_out`."""
        return Refusal(409, "No GPUs are left in the zone", "sold_out")

    def insufficient_funds(self) -> Refusal:
        """402."""
        return Refusal(402, "The balance is used up", "payment_required")


CLOUD = ExampleCloud
