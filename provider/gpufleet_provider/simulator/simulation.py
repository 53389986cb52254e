"""The simulator without HTTP: every cloud, the fault rules, the log of requests, and the controls as methods."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from gpufleet_provider import CLOUDS
from gpufleet_provider.simulator.clock import rfc3339
from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.database import Database, UnusableState
from gpufleet_provider.simulator.faults import CallFacts, FaultRule, FaultRules
from gpufleet_provider.simulator.ledger import live_history
from gpufleet_provider.simulator.wire import Call, Refusal, Reply, Route, json_bytes
from gpufleet_provider.simulator.world import World

DEFAULT_SPEED = 60.0
"""At this speed a cluster is ready after about ten seconds."""

DEFAULT_CANARY = "sim-secret-canary"

REQUESTS_KEPT = 20_000

FASTEST = 1e6
"""Cloud seconds per second."""
_LATEST = datetime(9000, 1, 1, tzinfo=timezone.utc).timestamp()


@dataclass
class Settings:
    """How a simulation runs.

    `speed` is cloud seconds per wall second; 0 means that time moves only by hand. `provisioning_seconds` is a range
    of wall time (of cloud time when `speed` is 0) that replaces the usual provisioning time, drawn per cluster name
    and `seed`. `switches` are those that differ from their defaults, by cloud and name. Every secret starts with
    `canary`.
    """

    speed: float = DEFAULT_SPEED
    provisioning_seconds: tuple[float, float] | None = None
    switches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    seed: int = 0
    canary: str = DEFAULT_CANARY

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Settings:
        """Settings out of a decoded JSON object; raises `BadControl` for a value that is none."""
        try:
            return TypeAdapter(cls).validate_json(json_bytes(fields), strict=True)
        except ValidationError as error:
            raise BadControl(_one_line(error)) from None

    def __post_init__(self) -> None:
        low, high = self.provisioning_seconds or (0.0, 0.0)
        if not 0 <= self.speed <= FASTEST:
            raise BadControl(f"speed: from 0 to {FASTEST:g}")
        if not 0 <= low <= high < math.inf:
            raise BadControl("provisioning_seconds: two numbers of seconds, the smaller first")


class BadControl(Exception):
    """A control was called with something that is not valid; says in one line with what."""


def base_urls(url: str) -> dict[str, str]:
    """The address of each cloud in a simulator that listens at `url`, by the cloud's name."""
    return {name: url + cloud.prefix for name, cloud in _cloud_types().items()}


class Simulation:
    """The whole simulator but its socket. Every method may be called from any thread."""

    def __init__(self, settings: Settings, state: Path | None = None) -> None:
        self.settings = settings
        self.faults = FaultRules()
        self._database = Database(state)
        self._lock = threading.RLock()
        self.world, self.clouds = self._new_world()
        self._counts: Counter[str] = Counter()
        self._log: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self._log_lock = threading.Lock()
        try:
            self._restore_settings()
            self._switch(settings.switches)
            self._load()
        except (BadControl, UnusableState):
            self._database.close()
            raise

    # The clouds.

    def answer(self, cloud: SimulatedCloud[Any], route: Route, call: Call) -> Reply:
        """Carry out one call and commit what it changed."""
        world = cloud.world
        with self._lock:
            if world is not self.world:
                return cloud.refuse(Refusal(503, "the simulator was reset"))
            world.settle()
            try:
                if not route.public:
                    cloud.authorize(call)
                reply = route.answer(call)
            except Refusal as refusal:
                reply = cloud.refuse(refusal)
            if call.method != "GET":
                world.save()
        return reply

    def matching_fault(self, cloud: SimulatedCloud[Any], route: Route, call: Call) -> FaultRule | None:
        """The fault rule that changes the reply to this call, if any; sets `call.planned_failures`."""
        if self.faults.is_empty:
            return None
        with self._lock:
            paths = (call.template, call.path, route.path, call.path.removeprefix(cloud.prefix))
            facts = CallFacts(cloud.name, call.method, paths, _name_in(call, cloud.name_fields), route.creates)
            rule, call.planned_failures = self.faults.match(facts)
        return rule

    def log_request(self, method: str, template: str, path: str, status: int | None, fault: str | None) -> None:
        """Count and log a request; `status` is None if no reply was sent."""
        with self._log_lock:
            self._counts[f"{method} {template}"] += 1
            self._log.append({"at": time.time(), "method": method, "path": path, "status": status, "fault": fault})

    # The controls.

    def ledger(self) -> dict[str, Any]:
        """Everything that was ever created in any cloud, by kind, and what each cloud cost in all."""
        with self._settled() as world:
            lines: dict[str, list[dict[str, Any]]] = {}
            for cloud in self.clouds.values():
                for kind, entries in cloud.ledger().items():
                    lines.setdefault(kind, []).extend(entries)
            totals = {name: round(cloud.account.dollars(world.now), 4) for name, cloud in self.clouds.items()}
        return {**lines, "cost": totals}

    def live_history(self) -> list[dict[str, Any]]:
        """Per cloud and cluster name: every cluster that had it, and the most that existed at once."""
        return live_history(self.ledger()["clusters"])

    def kinds(self) -> list[str]:
        """The kinds of records that the ledger has, such as `clusters`."""
        stores = [store for cloud in self.clouds.values() for store in cloud.stores if store.in_ledger]
        return list(dict.fromkeys(store.plural for store in stores))

    def requests(self) -> dict[str, int]:
        """How often each route was called, by method and template."""
        with self._log_lock:
            return dict(sorted(self._counts.items()))

    def request_log(self) -> list[dict[str, Any]]:
        """The latest requests, oldest first."""
        with self._log_lock:
            return list(self._log)

    def clear_requests(self) -> None:
        """Set the counts to zero, and clear the log."""
        with self._log_lock:
            self._counts.clear()
            self._log.clear()

    def add_fault(self, rule: Mapping[str, Any]) -> FaultRule:
        """Add a fault rule; `FaultRule` describes its fields."""
        with self._lock:
            try:
                return self.faults.add(rule)
            except ValidationError as error:
                raise BadControl(_one_line(error)) from None

    def clear_faults(self, rule_id: str | None = None) -> None:
        """Remove one fault rule, or all; the calls that it delays go on at once."""
        with self._lock:
            self.faults.clear(rule_id)

    def clock(self) -> dict[str, Any]:
        """Cloud time, as RFC 3339 and in seconds, and its speed."""
        with self._settled() as world:
            return {"now": rfc3339(world.now), "now_seconds": world.now, "speed": world.clock.speed}

    def set_clock(
        self, *, advance_seconds: float | None = None, speed: float | None = None, now: float | None = None
    ) -> dict[str, Any]:
        """Let cloud time pass at once, up to `now` or by `advance_seconds`, and change its speed."""
        with self._settled() as world:
            forward = now - world.clock.now() if now is not None else advance_seconds or 0.0
            if not (math.isfinite(forward) and math.isfinite(speed or 0)):
                raise BadControl("time and speed are finite numbers")
            if forward < 0 or (speed is not None and speed < 0):
                raise BadControl("time does not go back")
            if world.clock.now() + forward > _LATEST or (speed or 0) > FASTEST:
                raise BadControl(f"time ends in the year 9000, and its speed at {FASTEST:g}")
            world.clock.advance(forward)
            if speed is not None:
                world.clock.set_speed(speed)
            self._keep_settings()
        return self.clock()

    def set_switches(self, switches: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Set switches, by cloud and name; returns all of them."""
        with self._settled():
            self._switch(switches)
            self._keep_settings()
        return self.switches()

    def switches(self) -> dict[str, Any]:
        """The value of every switch."""
        return {name: cloud.switches.model_dump() for name, cloud in self.clouds.items()}

    def intervene(self, record_id: str, action: str, details: Mapping[str, Any]) -> None:
        """Do something to a record that no API call did."""
        with self._settled():
            try:
                if any(cloud.intervene(record_id, action, details) for cloud in self.clouds.values()):
                    return
            except Refusal as refusal:
                raise BadControl(refusal.message) from None
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                raise BadControl(f"{action}: bad details: {' '.join(str(error).split())}") from None
        raise BadControl(f"there is no record {record_id!r}, or it is deleted")

    def reset(self, settings: Settings | None = None) -> None:
        """Delete everything, and start again at the machine's time."""
        with self._lock:
            self.settings = settings or self.settings
            self._database.clear()
            self.faults.clear()
            self.clear_requests()
            self.world, self.clouds = self._new_world()
            self._switch(self.settings.switches)
            self._load()

    def close(self) -> None:
        """Save and release the state file."""
        with self._settled() as world:
            world.save()
            self._database.close()

    @contextmanager
    def _settled(self) -> Generator[World]:
        """Hold the lock over one consistent moment, and save at its end."""
        with self._lock:
            self.world.settle()
            yield self.world
            self.world.save()

    def _new_world(self) -> tuple[World, dict[str, SimulatedCloud[Any]]]:
        settings = self.settings
        world = World(self._database, speed=settings.speed, seed=settings.seed, canary=settings.canary)
        world.provisioning_seconds = settings.provisioning_seconds
        return world, {name: cloud(world) for name, cloud in _cloud_types().items()}

    def _load(self) -> None:
        for cloud in self.clouds.values():
            cloud.load()
        self._keep_settings()

    def _switch(self, switches: Mapping[str, Mapping[str, Any]]) -> None:
        for name, answers in switches.items():
            cloud = self.clouds.get(name)
            if cloud is None:
                raise BadControl(f"there is no cloud {name!r}")
            if not isinstance(answers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise BadControl(f"the switches of {name} are a JSON object")
            try:
                cloud.set_switches(answers)
            except ValidationError as error:
                raise BadControl(_one_line(error)) from None

    def _restore_settings(self) -> None:
        saved = self._database.get("clock")
        if saved is None:
            return
        self.world.clock.restore(saved)
        if saved["speed"] != self.settings.speed:
            self.world.clock.set_speed(self.settings.speed)
        self.world.now = self.world.clock.now()
        try:
            self._switch(self._database.get("switches") or {})
        except BadControl as error:
            raise self._database.of_another_version(str(error)) from None

    def _keep_settings(self) -> None:
        self._database.set("clock", self.world.clock.state())
        self._database.set("switches", self.switches())


def _cloud_types() -> dict[str, type[Any]]:
    """The `CLOUD` of each cloud's simulator, by the cloud's name."""
    return {name: import_module(f"gpufleet_provider.{name}.simulator").CLOUD for name in CLOUDS}


def _name_in(call: Call, name_fields: tuple[str, ...]) -> str:
    """The name in a create body; empty if there is none."""
    if call.method != "POST" or not call.body:
        return ""
    try:
        body: Any = json.loads(call.body)
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    fields = cast("dict[str, Any]", body)
    return str(next((fields[name] for name in name_fields if fields.get(name)), ""))


def _one_line(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors())
