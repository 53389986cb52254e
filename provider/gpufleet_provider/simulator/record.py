"""The base of every record that a simulated cloud keeps: its dates, its meter and its planned events."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, Field

from gpufleet_provider.simulator.metering import Meter
from gpufleet_provider.simulator.wire import Refusal


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
    """One resource of a simulated cloud. Its planned events are saved with it, so that they survive a restart.

    A record is never removed: a deleted one stays for the ledger.
    """

    kind: ClassVar[str]
    """`<cloud>.<resource>`, such as `together.volume`: the key of its rows in the database."""

    id: str
    name: str
    created: Stamp
    ready: Stamp | None = None
    delete_requested: Stamp | None = None
    gone: Stamp | None = None
    gone_because: str = ""
    meter: Meter = Field(default_factory=Meter)
    agenda: list[Event] = Field(default_factory=list[Event])
    is_visible: bool = True
    """Whether the API shows the record."""

    queued_at: float | None = Field(default=None, exclude=True)
    """The cloud time at which the next event is due, as far as the time line knows."""
    rendered: bytes | None = Field(default=None, exclude=True)
    """The JSON that the API shows, until the next change."""

    def plan(self, at: float, name: str, detail: str = "") -> None:
        """Add an event; events of the same instant happen in the order in which they were planned."""
        insort(self.agenda, Event(at, name, detail), key=lambda event: event.at)

    def cancel(self, *names: str) -> None:
        """Remove the planned events with these names, or all of them if no name is given."""
        self.agenda = [event for event in self.agenda if names and event.name not in names]

    def edit(self, fields: Mapping[str, Any]) -> None:
        """Set fields without any other effect; raises `Refusal` for an unknown one, ValueError for a wrong value."""
        known = {*type(self).model_fields, *(self.model_extra or {})}
        for name in fields:
            if name not in known:
                raise Refusal(400, f"{self.kind} has no field {name!r}")
        checked = type(self).model_validate({**self.model_dump(), **fields}, strict=False)
        for name in fields:
            setattr(self, name, getattr(checked, name))

    def ledger_fields(self) -> dict[str, Any]:
        """The status, and what else the ledger shows of this kind of record only."""
        return {"status": "active"}
