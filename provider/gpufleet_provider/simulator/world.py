"""What the simulated clouds share: one time line of events, one lock, one store."""

from __future__ import annotations

import heapq
import random
import threading
from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gpufleet_provider.simulator.clock import Clock
from gpufleet_provider.simulator.metering import Account, Meter
from gpufleet_provider.simulator.store import Store
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply, Route


class Event(NamedTuple):
    """Something that will happen to a record at a cloud time."""

    at: float
    name: str
    detail: str = ""


class Stamp(BaseModel):
    """One moment on both clocks, in seconds since 1970."""

    cloud: float
    wall: float


class Record(BaseModel):
    """One thing that a cloud keeps; it carries its own future, so that a restart goes on where it stood.

    A record is never removed: what is gone keeps its row in the ledger.
    """

    kind: ClassVar[str]
    """`<cloud>.<thing>`, the key of its table."""

    id: str
    name: str
    created: Stamp
    ready: Stamp | None = None
    delete_requested: Stamp | None = None
    gone: Stamp | None = None
    gone_because: str = ""
    meter: Meter = Field(default_factory=Meter)
    agenda: list[Event] = Field(default_factory=list[Event])

    queued_at: float | None = Field(default=None, exclude=True)
    """When the time line will look at this record next."""
    rendered: bytes | None = Field(default=None, exclude=True)
    """The JSON that the API shows, until the next change."""

    def plan(self, at: float, name: str, detail: str = "") -> None:
        """Put an event on the agenda; events of one instant happen in the order in which they were planned."""
        insort(self.agenda, Event(at, name, detail), key=lambda event: event.at)

    def cancel(self, *names: str) -> None:
        """Take events of these names off the agenda; all where none is named."""
        self.agenda = [event for event in self.agenda if names and event.name not in names]

    def edit(self, fields: Mapping[str, Any]) -> None:
        """Set fields as if they had always been so; raises `Refusal` for one that there is not."""
        for name, value in fields.items():
            if name not in type(self).model_fields:
                raise Refusal(400, f"{self.kind} has no field {name!r}")
            setattr(self, name, value)


RecordT = TypeVar("RecordT", bound=Record)


class Switches(BaseModel):
    """A cloud's open questions, each with the answer that is simulated by default."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    credits_dollars: float | None = None
    """What the account may spend in all; None is without end."""
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    """What happens to body fields that the API does not have. Refusing is the stricter witness."""


class SimulatedCloud(ABC):
    """One vendor. `routes` is its API; `switches` are the open questions about it."""

    name: ClassVar[str]
    prefix: ClassVar[str]
    switches_type: ClassVar[type[Switches]]

    routes: list[Route]
    """Every operation that is simulated."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.switches = self.switches_type()
        self.account = Account()
        self.is_broke = False

    @abstractmethod
    def authorize(self, call: Call, route: Route) -> None:
        """Raise the vendor's refusal for a wrong key."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> Reply:
        """A refusal in the vendor's shape."""

    @abstractmethod
    def sold_out(self, call: Call) -> Refusal:
        """What the vendor says when there is no stock."""

    @abstractmethod
    def happen(self, record: Any, event: Event) -> None:
        """Let an event that was planned come true."""

    @abstractmethod
    def records(self) -> Iterable[Record]:
        """Everything that was ever created."""

    @abstractmethod
    def load(self) -> None:
        """Take up what an earlier run has left in the store."""

    @abstractmethod
    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """What was ever created and what it cost, by kind."""

    @abstractmethod
    def intervene(self, record: Any, action: str, details: Mapping[str, Any]) -> None:
        """Do something to a record that no API call did."""

    @abstractmethod
    def insufficient_funds(self) -> Refusal:
        """What the vendor says to a create when the credits have run out."""

    @abstractmethod
    def run_out(self) -> None:
        """The credits have just run out."""

    @abstractmethod
    def refilled(self) -> None:
        """There are credits again."""

    def switched(self) -> None:
        """Notice that switches were changed; called after each change."""
        credits = self.switches.credits_dollars
        if self.is_broke and (credits is None or credits > self.account.dollars(self.world.now)):
            self.is_broke = False
            self.refilled()
        self.watch_credits()

    def watch_credits(self) -> None:
        """Reckon anew when the credits will have run out; called after each change of a rate."""
        credits = self.switches.credits_dollars
        if credits is None or self.is_broke:
            return
        at = self.account.exhausted_at(credits, self.world.now)
        if at is not None:
            self.world.set_alarm(self, at)

    def alarm(self) -> None:
        """Notice that the credits may have run out."""
        credits = self.switches.credits_dollars
        if credits is None or self.is_broke or self.account.exhausted_at(credits, self.world.now) != self.world.now:
            return
        self.is_broke = True
        self.run_out()

    def refuse_without_credits(self) -> None:
        """Raise where a create could not be paid."""
        if self.is_broke or (self.switches.credits_dollars is not None and self.switches.credits_dollars <= 0):
            raise self.insufficient_funds()

    def refuse_unknown(self, body: Body) -> None:
        """Raise for body fields that nobody has read, where the switch says so."""
        if self.switches.unknown_fields == "refuse":
            body.refuse_unknown()


class World:
    """Everything but HTTP. Whoever holds `lock` and has called `settle` sees one consistent moment, `now`."""

    def __init__(self, store: Store, lock: threading.RLock, *, speed: float, seed: int, canary: str) -> None:
        self.lock = lock
        self.store = store
        self.clock = Clock(speed)
        self.seed = seed
        self.canary = canary
        self.provisioning_seconds: tuple[float, float] | None = None
        self.clouds: dict[str, SimulatedCloud] = {}
        self.now = self.clock.now()
        self._timeline: list[tuple[float, int, SimulatedCloud, Record | None]] = []
        self._order = count()
        self._dirty: dict[tuple[str, str], Record] = {}

    def settle(self) -> None:
        """Let everything happen that was due until now, in order, each at its own instant."""
        present = self.clock.now()
        while self._timeline and self._timeline[0][0] <= present:
            at, _, cloud, record = heapq.heappop(self._timeline)
            self.now = at
            if record is None:
                cloud.alarm()
                continue
            record.queued_at = None
            if record.agenda and record.agenda[0].at <= at:
                cloud.happen(record, record.agenda.pop(0))
            self.touch(cloud, record)
        self.now = present

    def touch(self, cloud: SimulatedCloud, record: Record) -> None:
        """Note that a record has changed: it is saved, rendered anew, and its next event is awaited."""
        record.rendered = None
        self._dirty[record.kind, record.id] = record
        self.await_next(cloud, record)

    def await_next(self, cloud: SimulatedCloud, record: Record) -> None:
        """Put a record's next event on the time line."""
        if record.agenda and record.queued_at != record.agenda[0].at:
            record.queued_at = record.agenda[0].at
            heapq.heappush(self._timeline, (record.agenda[0].at, next(self._order), cloud, record))

    def set_alarm(self, cloud: SimulatedCloud, at: float) -> None:
        """Call the cloud's `alarm` at a cloud time."""
        heapq.heappush(self._timeline, (at, next(self._order), cloud, None))

    def save(self) -> None:
        """Commit every changed record. Must come before the answer that speaks of the change."""
        if self._dirty:
            self.store.save([(record.kind, record.id, record.model_dump_json()) for record in self._dirty.values()])
            self._dirty.clear()

    def stamp(self) -> Stamp:
        """The instant at hand on both clocks."""
        return Stamp(cloud=self.now, wall=self.clock.wall_at(self.now))

    def load(self, kind: type[RecordT], cloud: SimulatedCloud) -> dict[str, RecordT]:
        """Every stored record of a kind, by id, with its future awaited and its meter running."""
        found: dict[str, RecordT] = {}
        for body in self.store.load(kind.kind):
            record = kind.model_validate_json(body)
            found[record.id] = record
            self.await_next(cloud, record)
            cloud.account.adopt(record.meter)
        return found

    def pace(self, name: str, usual_seconds: float) -> float:
        """By how much to stretch a provisioning of `usual_seconds`: 1, or what `provisioning_seconds` asks for."""
        if self.provisioning_seconds is None:
            return 1.0
        wall_seconds = random.Random(f"{self.seed}:{name}").uniform(*self.provisioning_seconds)
        return wall_seconds * (self.clock.speed or 1.0) / usual_seconds
