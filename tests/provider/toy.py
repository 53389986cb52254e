"""A small kind of resource with every mark, and a cloud in memory that has it: a box is made within a few lists."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, cast

from gpufleet_provider.model.checking import Checked
from gpufleet_provider.model.errors import NotFound
from gpufleet_provider.model.fields import (
    Body,
    CreateOnly,
    Default,
    Failure,
    GrowOnly,
    Info,
    Instant,
    KeyedBy,
    Local,
    Properties,
    Refused,
    Required,
    Secret,
    Suggested,
    Unreadable,
    WhenRemoved,
    parse_instant,
    rule,
)
from gpufleet_provider.model.lifecycle import AttachedResource, Lifecycle, Readiness, Timeouts
from gpufleet_provider.model.planning import Plan
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.service import ResourceService
from gpufleet_provider.waiting.watcher import Watcher, watcher_for
from pydantic import Field


class Part(Body):
    name: str
    size: int | None = None
    since: Instant | None = None


class Login(Body):
    user: str
    password: Annotated[str | None, Secret()] = None


class BoxCreate(Body):
    box_name: Annotated[str, Field(min_length=1)] | None = None
    place: str
    count: Annotated[int, Field(ge=1, multiple_of=2)]
    weight: float | None = None
    mode: Annotated[Literal["open", "closed"] | None, Default("open")] = None
    colour: Annotated[str | None, Suggested(("red", "blue"))] = None
    size_gib: Annotated[int | None, GrowOnly("make another box")] = None
    term_days: Annotated[int | None, Refused("set ends instead")] = None
    ends: Annotated[Instant | None, Required("leave it in")] = None
    parts: Annotated[list[Part] | None, KeyedBy("name"), WhenRemoved([])] = None
    tags: list[str] | None = None
    labels: dict[str, str] | None = None
    login: Login | None = None
    tests: Annotated[bool | None, CreateOnly("boxes are tested once"), Unreadable("not shown")] = None
    confirm_forfeit: Annotated[bool | None, Local()] = None
    confirm_data_loss: Annotated[bool | None, Local()] = None


class BoxUpdate(Body):
    count: int | None = None
    colour: str | None = None
    size_gib: int | None = None
    ends: Instant | None = None
    parts: list[Part] | None = None
    login: Login | None = None


class BoxInfo(Info):
    id: str
    box_name: str
    place: str
    status: str
    count: int
    colour: str | None = None
    size_gib: int | None = None
    ends: str | None = None
    parts: list[Part] | None = None
    labels: dict[str, str] | None = None
    login: Login | None = None
    volume: str | None = None
    ready_once: bool | None = None


@rule("mode", "colour")
def _colours_of_closed_boxes(mode: str | None, colour: str | None) -> Iterable[Failure]:
    if mode == "closed" and colour is not None:
        yield Failure("colour", "a closed box has no colour")


@rule("parts", "count")
def _parts_for_all(parts: list[Properties] | None, count: int) -> Iterable[Failure]:
    if parts is not None and len(parts) > count:
        yield Failure("parts", "more parts than boxes")


class BoxLifecycle(Lifecycle[BoxInfo]):
    token = "toy:Box"
    create_body = BoxCreate
    update_body = BoxUpdate
    info_body = BoxInfo
    id_field = "id"
    name_field = "box_name"
    place_fields = ("place",)
    term_fields = ("ends", "term_days")
    forfeit_field = "confirm_forfeit"
    data_loss_field = "confirm_data_loss"
    rules = (_colours_of_closed_boxes, _parts_for_all)
    timeouts = Timeouts(20, 20, 20)

    def create(self, client: Any, inputs: Properties) -> str:
        return client.cloud.create(inputs)

    def get(self, client: Any, id: str) -> Properties:
        return client.cloud.get(id)

    def list_all(self, client: Any) -> list[Properties]:
        return client.cloud.list()

    def update(self, client: Any, id: str, changes: Properties) -> None:
        client.cloud.update(id, changes)

    def delete(self, client: Any, id: str) -> None:
        client.cloud.delete(id)

    def readiness(self, info: BoxInfo, inputs: Properties) -> Readiness:
        if info.status == "failed":
            return Readiness("failed", "failed: the box is broken")
        if info.status == "paused":
            return Readiness("blocked", "paused: no credits")
        if info.status == "unlabelled":
            return Readiness("pending", "unlabelled", "its labels are not shown")
        ready = info.status in ("ready", "worn") and info.count == inputs.get("count", info.count)
        return Readiness("ready" if ready else "pending", f"{info.status} · {info.count} boxes")

    def trouble(self, info: BoxInfo) -> str | None:
        return f"{info.status}: it needs somebody" if info.status in ("paused", "worn") else None

    def gone(self, info: BoxInfo) -> bool:
        return info.status == "gone"

    def live(self, info: BoxInfo) -> bool:
        return info.status not in ("gone", "deleting")

    def ended(self, inputs: Properties, outputs: Properties) -> str | None:
        ends = outputs.get("ends") or inputs.get("ends")
        return ends if ends is not None and parse_instant(ends) <= _now() else None

    def forfeits(self, inputs: Properties, outputs: Properties) -> str | None:
        ends = outputs.get("ends") or inputs.get("ends")
        return f"a term until {ends}" if ends is not None and parse_instant(ends) > _now() else None

    def forfeits_in_place(self, inputs: Properties, outputs: Properties, news: Properties) -> str | None:
        term = self.forfeits(inputs, outputs)
        return f"boxes, in {term}" if term and news.get("count", inputs["count"]) < inputs["count"] else None

    def replacement_loss(self, old: Properties) -> str:
        return "; what is in the box goes with it" if old.get("size_gib") else ""

    def has_been_ready(self, info: BoxInfo) -> bool:
        return info.ready_once is True

    def attached_resources(self, inputs: Properties, outputs: Properties) -> Iterable[AttachedResource]:
        volume = outputs.get("volume")
        return (
            [AttachedResource(f"volume {volume}", lambda client: client.cloud.remove_volume(volume))] if volume else []
        )


def _now() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.timezone.utc)


BOX = BoxLifecycle()
PAST, FUTURE = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"


class ToyCloud:
    """Boxes by id. `before` and `after` are called around every call with its verb, and may raise."""

    title = "Toy"

    def __init__(self) -> None:
        self.boxes: dict[str, Properties] = {}
        self.volumes: set[str] = set()
        self.calls: list[tuple[str, Any]] = []
        self.lists_to_ready = 2
        self.becomes = "ready"
        self.before: Callable[[str], None] = lambda verb: None
        self.after: Callable[[str], None] = lambda verb: None
        self._lock = threading.Lock()
        self._ages: dict[str, int] = {}

    def sent(self, verb: str) -> list[Any]:
        """What has been sent with a verb."""
        return [what for name, what in self.calls if name == verb]

    def create(self, inputs: Properties) -> str:
        return self._call("create", dict(inputs), lambda: self.make(**inputs))

    def make(self, **shown: Any) -> str:
        """Put a box there, as from outside."""
        id = f"box-{len(self._ages) + 1}"
        self._ages[id] = 0
        self.boxes[id] = {"id": id, "status": "making", **shown}
        return id

    def get(self, id: str) -> Properties:
        return self._call("get", id, lambda: dict(self._known(id)))

    def list(self) -> list[Properties]:
        return self._call("list", None, self._aged)

    def update(self, id: str, changes: Properties) -> None:
        self._call("update", dict(changes), lambda: self._known(id).update(changes))

    def delete(self, id: str) -> None:
        self._call("delete", id, lambda: self._known(id).update(status="deleting"))

    def remove_volume(self, name: str) -> bool:
        self.calls.append(("volume", name))
        self.volumes.discard(name)
        return True

    def _call(self, verb: str, what: Any, act: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls.append((verb, what))
        self.before(verb)
        with self._lock:
            answer = act()
        self.after(verb)
        return answer

    def _known(self, id: str) -> Properties:
        if id not in self.boxes:
            raise NotFound(f"Toy: GET /boxes/{id} answered 404")
        return self.boxes[id]

    def _aged(self) -> list[Properties]:
        for id, box in list(self.boxes.items()):
            self._ages[id] += 1
            if box["status"] == "deleting":
                del self.boxes[id]
            elif box["status"] == "making" and self._ages[id] >= self.lists_to_ready:
                box["status"] = self.becomes
        return [dict(box) for box in self.boxes.values()]


class _NoPace:
    def turn_seconds(self) -> float:
        return 0.0


class ToyClient:
    """What a watcher and a lifecycle ask of a client."""

    def __init__(self, cloud: ToyCloud, mark: str = "toy") -> None:
        self.cloud = cloud
        self.mark = mark
        self.by_id = _NoPace()
        self.changed_at = float("-inf")


class Desk:
    """One account of the toy cloud, the call that is made for a resource, and what a user is shown."""

    watcher: Watcher
    service: ResourceService

    def __init__(self) -> None:
        self.cloud = ToyCloud()
        self.shown: list[str] = []
        self.warned: list[str] = []
        self.notes: list[str] = []
        self.hidden: dict[str, Properties] = {}
        self.now = self.call()
        self.new_run()

    def new_run(self, mark: str = "toy") -> None:
        """Forget what a plugin process knows: the next run has one of its own, with the key that a mark stands for."""
        self.client = client = cast(Any, ToyClient(self.cloud, mark))
        self.service = ResourceService(BOX, lambda _setting: client)
        self.watcher = watcher_for(BOX, client, 0.01)

    def call(self, urn: str = "urn:box", timeout_seconds: float | None = None, **more: Any) -> Call:
        """Let what follows be a call for a resource."""
        self.now = Call(urn, timeout_seconds, self.shown.append, self.warned.append, self.notes.append, **more)
        return self.now

    def remember(self, id: str) -> None:
        """Let this run have met an id in the state, under the URN of the call."""
        self.service.memory.remember(id, self.now.urn)

    def check(self, olds: Properties, news: Properties) -> Checked:
        return self.service.check(self.now, olds, news)

    def diff(self, id: str, olds: Properties, news: Properties) -> Plan:
        return self.service.diff(self.now, id, olds, news)

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        return self.service.create(self.now, inputs)

    def read(self, id: str, outputs: Properties) -> tuple[Properties, Properties | None] | None:
        return self.service.read(self.now, id, outputs)

    def update(self, id: str, olds: Properties, inputs: Properties) -> Properties:
        return self.service.update(self.now, id, olds, inputs)

    def delete(self, id: str, outputs: Properties) -> None:
        self.service.delete(self.now, id, outputs)
