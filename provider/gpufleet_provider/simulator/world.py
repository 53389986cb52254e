"""What the simulated clouds share: the clock, the time line of planned events, and the database."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

from gpufleet_provider.simulator.clock import Clock
from gpufleet_provider.simulator.database import Database
from gpufleet_provider.simulator.record import Record, Stamp


class World:
    """The time line of one simulation. After `settle` everything that was due has happened, and `now` stands still."""

    def __init__(self, database: Database, *, speed: float, seed: int, canary: str) -> None:
        self.database = database
        self.clock = Clock(speed)
        self.seed = seed
        self.canary = canary
        self.provisioning_seconds: tuple[float, float] | None = None
        self.now = self.clock.now()
        self._timeline: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._unsaved: dict[tuple[str, str], Record] = {}

    def call_at(self, at: float, action: Callable[[], None]) -> None:
        """Call `action` at a cloud time; actions of the same instant are called in the order in which they came."""
        heapq.heappush(self._timeline, (at, next(self._order), action))

    def settle(self) -> None:
        """Carry out everything that is due by now, in order, each at its own instant."""
        present = self.clock.now()
        while self._timeline and self._timeline[0][0] <= present:
            self.now, _, action = heapq.heappop(self._timeline)
            action()
        self.now = present

    def changed(self, record: Record) -> None:
        """Save the record with the next `save`."""
        self._unsaved[record.kind, record.id] = record

    def save(self) -> None:
        """Commit every changed record. Must be called before the reply that shows the change is sent."""
        if self._unsaved:
            rows = [(record.kind, record.id, record.model_dump_json()) for record in self._unsaved.values()]
            self.database.save(rows)
            self._unsaved.clear()

    def stamp(self) -> Stamp:
        """The present moment on both clocks."""
        return Stamp(cloud=self.now, wall=self.clock.wall_at(self.now))

    def pace(self, name: str, usual_seconds: float) -> float:
        """The factor for every duration of a provisioning that usually takes `usual_seconds` of cloud time.

        It is 1 unless `provisioning_seconds` is set; then it is drawn from that range, by `name` and `seed`.
        """
        if self.provisioning_seconds is None:
            return 1.0
        wall_seconds = random.Random(f"{self.seed}:{name}").uniform(*self.provisioning_seconds)
        return wall_seconds * (self.clock.speed or 1.0) / usual_seconds
