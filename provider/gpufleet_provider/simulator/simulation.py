"""Both clouds, the fault rules and the record of all requests, without HTTP: what `/_sim` offers, as methods."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from gpufleet_provider import CLOUDS
from gpufleet_provider.simulator.clock import rfc3339
from gpufleet_provider.simulator.faults import CallFacts, FaultBook, FaultRule
from gpufleet_provider.simulator.ledger import live_history
from gpufleet_provider.simulator.store import Store
from gpufleet_provider.simulator.wire import Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import SimulatedCloud, World

DEFAULT_SPEED = 60.0
"""At this speed a cluster is ready after about ten seconds."""

DEFAULT_CANARY = "sim-secret-canary"

REQUESTS_KEPT = 20_000


@dataclass
class Settings:
    """How a simulation runs.

    `speed` is cloud seconds per wall second; 0 means that time moves only by hand. `provisioning_seconds` is a range
    of wall time (of cloud time when `speed` is 0) that replaces the usual provisioning time, drawn per cluster name
    and `seed`. `switches` answers the clouds' open questions, by cloud and name. `canary` begins every secret.
    """

    speed: float = DEFAULT_SPEED
    provisioning_seconds: tuple[float, float] | None = None
    switches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    seed: int = 0
    canary: str = DEFAULT_CANARY


class BadControl(Exception):
    """A request to `/_sim` that makes no sense; says why in one line."""


class Simulation:
    """The whole simulator but its socket. Every method may be called from any thread."""

    def __init__(self, settings: Settings, state: Path | None = None) -> None:
        self.settings = settings
        self.faults = FaultBook()
        self._store = Store(state)
        self._lock = threading.RLock()
        self.world = self._new_world()
        self._counts: Counter[str] = Counter()
        self._log: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self._log_lock = threading.Lock()
        kept = self._store.get("clock")
        if kept is not None:
            self.world.clock.restore(kept)
            if kept["speed"] != settings.speed:
                self.world.clock.set_speed(settings.speed)
            self.world.now = self.world.clock.now()
            self._switch(self._store.get("switches") or {})
        self._switch(settings.switches)
        self._load()

    # The clouds.

    def answer(self, cloud: SimulatedCloud, route: Route, call: Call) -> Reply:
        """Carry out one call and commit what it changed."""
        world = cloud.world
        with self._lock:
            if world is not self.world:
                return cloud.refuse(Refusal(503, "the simulator was reset"))
            world.settle()
            try:
                if not route.public:
                    cloud.authorize(call, route)
                reply = route.answer(call)
            except Refusal as refusal:
                reply = cloud.refuse(refusal)
            if call.method != "GET":
                world.save()
        return reply

    def strike(self, cloud: SimulatedCloud, route: Route, call: Call) -> FaultRule | None:
        """The fault that spoils this call's reply, if any; what awaits the cluster goes into `call.fates`."""
        if self.faults.is_empty:
            return None
        with self._lock:
            paths = (call.template, call.path, route.path, call.path.removeprefix(cloud.prefix))
            facts = CallFacts(cloud.name, call.method, paths, _name_in(call), route.creates)
            spoilt, call.fates = self.faults.strike(facts)
        return spoilt

    def note(self, method: str, template: str, path: str, status: int | None, fault: str | None) -> None:
        """Count a request; `status` is None where no reply was sent."""
        with self._log_lock:
            self._counts[f"{method} {template}"] += 1
            self._log.append({"at": time.time(), "method": method, "path": path, "status": status, "fault": fault})

    # The controls.

    def ledger(self) -> dict[str, Any]:
        """Everything ever created, by kind, over both clouds, and the sum of what it cost."""
        with self._settled() as world:
            lines: dict[str, list[dict[str, Any]]] = {}
            for cloud in world.clouds.values():
                for kind, entries in cloud.ledger().items():
                    lines.setdefault(kind, []).extend(entries)
            totals = {name: round(cloud.account.dollars(world.now), 4) for name, cloud in world.clouds.items()}
        return {**lines, "cost": totals}

    def live_history(self) -> list[dict[str, Any]]:
        """Per cloud and cluster name: every life, and the most that lived at once."""
        return live_history(self.ledger()["clusters"])

    def requests(self) -> dict[str, int]:
        """How often each route was called, ids as templates."""
        with self._log_lock:
            return dict(sorted(self._counts.items()))

    def request_log(self) -> list[dict[str, Any]]:
        """The latest requests, oldest first."""
        with self._log_lock:
            return list(self._log)

    def clear_requests(self) -> None:
        """Count from zero."""
        with self._log_lock:
            self._counts.clear()
            self._log.clear()

    def add_fault(self, rule: Mapping[str, Any]) -> FaultRule:
        """Make a fault rule (`FaultRule` says what one can hold)."""
        with self._lock:
            try:
                return self.faults.add(rule)
            except ValidationError as error:
                raise BadControl(_one_line(error)) from None

    def clear_faults(self, rule_id: str | None = None) -> None:
        """Forget one rule, or all."""
        with self._lock:
            self.faults.clear(rule_id)

    def clock(self) -> dict[str, Any]:
        """Cloud time, as RFC 3339 and in seconds, and its speed."""
        with self._settled() as world:
            return {"now": rfc3339(world.now), "now_seconds": world.now, "speed": world.clock.speed}

    def set_clock(
        self, *, advance_seconds: float | None = None, speed: float | None = None, now: float | None = None
    ) -> dict[str, Any]:
        """Let cloud time pass at once, up to `now` or by `advance_seconds`; change its speed; never back."""
        with self._settled() as world:
            forward = now - world.clock.now() if now is not None else advance_seconds or 0.0
            if forward < 0 or (speed is not None and speed < 0):
                raise BadControl("time does not go back")
            world.clock.advance(forward)
            if speed is not None:
                world.clock.set_speed(speed)
            self._keep_settings()
        return self.clock()

    def set_switches(self, switches: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Answer open questions anew, by cloud and name; returns all answers."""
        with self._settled():
            self._switch(switches)
            self._keep_settings()
        return self.switches()

    def switches(self) -> dict[str, Any]:
        """Every switch and how it stands."""
        return {name: cloud.switches.model_dump() for name, cloud in self.world.clouds.items()}

    def intervene(self, record_id: str, action: str, details: Mapping[str, Any]) -> None:
        """Do something to a cluster, volume, instance or key that no API call did."""
        with self._settled() as world:
            for cloud in world.clouds.values():
                record = next((it for it in cloud.records() if it.id == record_id and it.gone is None), None)
                if record is None:
                    continue
                try:
                    cloud.intervene(record, action, details)
                except Refusal as refusal:
                    raise BadControl(refusal.message) from None
                except (KeyError, TypeError, ValueError) as error:
                    raise BadControl(f"{action}: bad details: {error}") from None
                return
        raise BadControl(f"there is no {record_id!r}")

    def reset(self, settings: Settings | None = None) -> None:
        """Forget everything, and begin again at the machine's time."""
        with self._lock:
            self.settings = settings or self.settings
            self._store.clear()
            self.faults = FaultBook()
            self.clear_requests()
            self.world = self._new_world()
            self._switch(self.settings.switches)
            self._load()

    def close(self) -> None:
        """Save and release the state file."""
        with self._settled() as world:
            world.save()
            self._store.close()

    def _settled(self) -> _Settled:
        return _Settled(self)

    def _new_world(self) -> World:
        settings = self.settings
        world = World(self._store, self._lock, speed=settings.speed, seed=settings.seed, canary=settings.canary)
        world.provisioning_seconds = settings.provisioning_seconds
        for name in CLOUDS:
            cloud = import_module(f"gpufleet_provider.{name}.simulator").CLOUD
            world.clouds[name] = cloud(world)
        return world

    def _load(self) -> None:
        for cloud in self.world.clouds.values():
            cloud.load()
            cloud.watch_credits()
        self._keep_settings()

    def _switch(self, switches: Mapping[str, Mapping[str, Any]]) -> None:
        for name, answers in switches.items():
            cloud = self.world.clouds.get(name)
            if cloud is None:
                raise BadControl(f"there is no cloud {name!r}")
            try:
                cloud.switches = type(cloud.switches).model_validate({**cloud.switches.model_dump(), **answers})
            except ValidationError as error:
                raise BadControl(_one_line(error)) from None
            cloud.switched()

    def _keep_settings(self) -> None:
        self._store.set("clock", self.world.clock.state())
        self._store.set("switches", self.switches())


class _Settled:
    """Hold the lock over one consistent moment; save on the way out."""

    def __init__(self, simulation: Simulation) -> None:
        self._world = simulation.world

    def __enter__(self) -> World:
        self._world.lock.acquire()
        self._world.settle()
        return self._world

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._world.save()
        finally:
            self._world.lock.release()


def _name_in(call: Call) -> str:
    """The name that a create body gives, for fault rules."""
    if call.method != "POST" or not call.body:
        return ""
    try:
        body: Any = json.loads(call.body)
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    fields = cast("dict[str, Any]", body)
    return str(fields.get("cluster_name") or fields.get("volume_name") or fields.get("name") or "")


def _one_line(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors())
