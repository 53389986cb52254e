"""The base classes of a simulated cloud: its switches, its stores of records, and the cloud itself.

A new cloud derives a `SimulatedCloud`, and a new kind of resource a `Store`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gpufleet_provider.simulator.ledger import ledger_line
from gpufleet_provider.simulator.metering import Account
from gpufleet_provider.simulator.record import Event, Record
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import World


class Switches(BaseModel):
    """The open questions about a cloud, each with the answer that is simulated by default."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    credits_dollars: float | None = None
    """What the account may spend in all; None is without end."""
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    """What happens to body fields that the API does not have. Refusing is the stricter witness."""
    nulls: Literal["refuse", "ignore"] = "refuse"
    """What happens to body fields that are null: to leave them out is the only form that the documents have."""


RecordT = TypeVar("RecordT", bound=Record)
SwitchesT = TypeVar("SwitchesT", bound=Switches)


class SimulatedCloud(ABC, Generic[SwitchesT]):
    """One vendor. A subclass sets `routes` and `stores` when it is made."""

    name: ClassVar[str]
    """The cloud's word in `gpufleet_provider.CLOUDS`."""
    prefix: ClassVar[str]
    """The path before every route, such as `/together/v1`."""
    name_fields: ClassVar[tuple[str, ...]] = ("name",)
    """The fields of a create body that can hold the resource's name, which fault rules look at."""

    routes: list[Route]
    """Every operation that is simulated."""
    stores: list[Store[Any, SwitchesT]]
    """One for each kind of record, in the order in which they are loaded."""

    def __init__(self, world: World, switches: SwitchesT) -> None:
        self.world = world
        self.switches = switches
        self.account = Account()
        self.is_out_of_credits = False

    @abstractmethod
    def authorize(self, call: Call) -> None:
        """Raise the vendor's refusal if the key is wrong."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> Reply:
        """A refusal in the vendor's shape."""

    @abstractmethod
    def sold_out(self) -> Refusal:
        """What the vendor answers to a create when it has no stock."""

    @abstractmethod
    def insufficient_funds(self) -> Refusal:
        """What the vendor answers to a create when the credits have run out."""

    def on_credits_exhausted(self) -> None:
        """Apply what the vendor does to running resources when the credits run out; by default nothing."""
        return None

    def on_credits_restored(self) -> None:
        """Apply what the vendor does when there are credits again; by default nothing."""
        return None

    def load(self) -> None:
        """Load what an earlier run has saved; raises `UnusableState` for records of another version."""
        for store in self.stores:
            store.load()
        self.watch_credits()

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that was ever created and what it cost, by kind in the plural."""
        return {store.plural: store.ledger() for store in self.stores if store.in_ledger}

    def intervene(self, record_id: str, action: str, details: Mapping[str, Any]) -> bool:
        """Do something to a record that no API call did; False if this cloud has no such record.

        Raises `Refusal` for an action that its kind does not know.
        """
        for store in self.stores:
            record = store.living.get(record_id)
            if record is not None:
                store.intervene(record, action, details)
                store.touch(record)
                return True
        return False

    def set_switches(self, answers: Mapping[str, Any]) -> None:
        """Change some switches; raises pydantic's `ValidationError` for one that does not exist or a wrong value."""
        self.switches = type(self.switches).model_validate({**self.switches.model_dump(), **answers})
        for store in self.stores:
            store.forget_rendered()
        credits = self.switches.credits_dollars
        if self.is_out_of_credits and (credits is None or credits > self.account.dollars(self.world.now)):
            self.is_out_of_credits = False
            self.on_credits_restored()
        self.watch_credits()

    def set_rate(self, record: Record, dollars_per_hour: float) -> None:
        """From now on the record costs this much."""
        self.account.set_rate(record.meter, dollars_per_hour, self.world.now)
        self.watch_credits()

    def charge(self, record: Record, dollars: float) -> None:
        """Bill a sum at once."""
        self.account.charge(record.meter, dollars)
        self.watch_credits()

    def watch_credits(self) -> None:
        """Plan the moment at which the credits run out; to be called after each change of a rate or of the credits."""
        credits = self.switches.credits_dollars
        if credits is None or self.is_out_of_credits:
            return
        at = self.account.exhausted_at(credits, self.world.now)
        if at is not None:
            self.world.call_at(at, self._check_credits)

    def _check_credits(self) -> None:
        credits = self.switches.credits_dollars
        if credits is None or self.is_out_of_credits:
            return
        if self.account.exhausted_at(credits, self.world.now) == self.world.now:
            self.is_out_of_credits = True
            self.on_credits_exhausted()

    def refuse_without_credits(self) -> None:
        """Raise the vendor's refusal if a create could not be paid."""
        if self.is_out_of_credits or (self.switches.credits_dollars is not None and self.switches.credits_dollars <= 0):
            raise self.insufficient_funds()

    def refuse_unknown(self, body: Body, *, tolerated_nulls: tuple[str, ...] = ()) -> None:
        """Raise for body fields that were not read or that are null, if the switches say so."""
        if self.switches.nulls == "refuse":
            body.refuse_nulls(tolerated_nulls)
        if self.switches.unknown_fields == "refuse":
            body.refuse_unknown()


class Store(Generic[RecordT, SwitchesT]):
    """The records of one kind, by id. `all` keeps the deleted ones, for the ledger; `living` has the others."""

    record_type: type[RecordT]
    in_ledger: ClassVar[bool] = True

    def __init__(self, cloud: SimulatedCloud[SwitchesT]) -> None:
        self.cloud = cloud
        self.world = cloud.world
        self.all: dict[str, RecordT] = {}
        self.living: dict[str, RecordT] = {}

    @property
    def noun(self) -> str:
        """The kind without its cloud, such as `ssh_key`."""
        return self.record_type.kind.partition(".")[2]

    @property
    def plural(self) -> str:
        """The key of this kind in the ledger and in the paths of the controls."""
        return f"{self.noun}s"

    def load(self) -> None:
        """Load what an earlier run has saved, and plan its next events; raises `UnusableState`."""
        for body in self.world.database.load(self.record_type.kind):
            try:
                record = self.record_type.model_validate_json(body)
            except ValidationError as error:
                fault = error.errors()[0]
                reason = f"{self.record_type.kind} {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
                raise self.world.database.of_another_version(reason) from None
            self.all[record.id] = record
            if record.gone is None:
                self.living[record.id] = record
            self.cloud.account.adopt(record.meter)
            self._await_next(record)

    def insert(self, record: RecordT) -> RecordT:
        """Keep a new record; returns it."""
        self.all[record.id] = self.living[record.id] = record
        self.touch(record)
        return record

    def find(self, record_id: str) -> RecordT:
        """A record that the API shows; raises the 404 for any other id."""
        record = self.living.get(record_id)
        if record is None or not record.is_visible:
            raise self.not_found(record_id)
        return record

    def not_found(self, record_id: str) -> Refusal:
        """The 404 for an id of this kind."""
        return Refusal(404, f"{self.noun.replace('_', ' ')} {record_id} not found", "not_found")

    def shown(self) -> Iterable[RecordT]:
        """The records that the API lists."""
        return [record for record in self.living.values() if record.is_visible]

    def touch(self, record: RecordT) -> None:
        """To be called after each change of a record: it is saved, rendered anew, and its next event is awaited."""
        record.rendered = None
        self.world.changed(record)
        self._await_next(record)

    def end(self, record: RecordT, reason: str) -> None:
        """Mark the record deleted: nothing more happens to it, and it costs nothing more."""
        record.cancel()
        record.gone = self.world.stamp()
        record.gone_because = reason
        self.living.pop(record.id, None)
        self.cloud.set_rate(record, 0)
        self.touch(record)

    def apply_event(self, record: RecordT, event: Event) -> None:
        """Carry out an event that was planned for the record."""
        raise NotImplementedError(f"{self.record_type.kind} plans no events, yet {event.name} is due")

    def intervene(self, record: RecordT, action: str, details: Mapping[str, Any]) -> None:
        """Do something to the record that no API call did: `vanish` or `edit`; raises `Refusal` for anything else."""
        if action == "vanish":
            self.end(record, "vanished")
        elif action == "edit":
            record.edit(details)
        else:
            raise Refusal(400, f"unknown action {action!r}")

    def ledger(self) -> list[dict[str, Any]]:
        """One line for each record that was ever created."""
        return [ledger_line(self.cloud.name, record, self.world.now) for record in self.all.values()]

    def forget_rendered(self) -> None:
        """Render every record anew, because the replies may look different from now on."""
        for record in self.all.values():
            record.rendered = None

    def _await_next(self, record: RecordT) -> None:
        if record.agenda and record.queued_at != record.agenda[0].at:
            record.queued_at = record.agenda[0].at
            self.world.call_at(record.queued_at, partial(self._apply_next, record))

    def _apply_next(self, record: RecordT) -> None:
        record.queued_at = None
        if record.agenda and record.agenda[0].at <= self.world.now:
            self.apply_event(record, record.agenda.pop(0))
        self.touch(record)
