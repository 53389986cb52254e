"""One list for all that ask and all that wait, on threads, over HTTP to a cloud in memory."""

import functools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import httpx
import pytest
from gpufleet_provider.http import client as http
from gpufleet_provider.http import exchange
from gpufleet_provider.http.client import CloudClient, segment
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import (
    CloudError,
    Forbidden,
    NotFound,
    Stopped,
    Unauthorized,
    Unavailable,
    WaitCancelled,
    WaitFailed,
    WaitTimedOut,
    WaitUnanswered,
)
from gpufleet_provider.model.fields import Body, Info, Properties
from gpufleet_provider.model.lifecycle import Lifecycle, Readiness
from gpufleet_provider.waiting import wait as wait_module
from gpufleet_provider.waiting import watcher as waiting
from gpufleet_provider.waiting.wait import Wait
from gpufleet_provider.waiting.watcher import Watcher, cancel_everything, interval_seconds, watcher_for

PATIENTLY = 120


class Thing(Info):
    id: str
    status: str


class Things(Lifecycle[Thing]):
    token: ClassVar[str] = "acme:Thing"
    create_body: ClassVar[type[Body]] = Body
    update_body: ClassVar[type[Body]] = Body
    info_body: ClassVar[type[Info]] = Thing
    id_field: ClassVar[str] = "id"
    name_field: ClassVar[str] = "name"
    place_fields: ClassVar[tuple[str, ...]] = ()

    def create(self, client: CloudClient, inputs: Properties) -> str:
        return client.request("POST", "/things", json=inputs, creates=True)["id"]

    def get(self, client: CloudClient, id: str) -> Properties:
        return client.request("GET", f"/things/{segment(id)}")

    def list_all(self, client: CloudClient) -> list[Properties]:
        return client.request("GET", "/things")["things"]

    def delete(self, client: CloudClient, id: str) -> None:
        client.request("DELETE", f"/things/{segment(id)}")

    def readiness(self, info: Thing, inputs: Properties) -> Readiness:
        return Readiness("ready", info.status)

    def observed(self, info: Thing) -> Properties:
        return {}


class FakeCloud:
    """Things by id; `hidden` ones are missing from the list, `before` runs in front of every answer."""

    def __init__(self) -> None:
        self.things: dict[str, Properties] = {}
        self.hidden: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.before: Callable[[str], httpx.Response | None] = lambda call: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        id = request.url.path.removeprefix("/v1/things").lstrip("/")
        call = f"{request.method} {'one' if id else 'all'}"
        with self.lock:
            self.calls[call] += 1
        answer = self.before(call)
        if answer is not None:
            return answer
        with self.lock:
            if request.method != "GET":
                return httpx.Response(200, json={"id": id or "new"})
            if not id:
                shown = [thing for key, thing in self.things.items() if key not in self.hidden]
                return httpx.Response(200, content=json.dumps({"things": shown}))
            if id in self.things:
                return httpx.Response(200, json=self.things[id])
        return httpx.Response(404, json={"error": f"no thing {id}"})

    def set(self, id: str, status: str | None) -> None:
        with self.lock:
            if status is None:
                self.things.pop(id, None)
            else:
                self.things[id] = {"id": id, "status": status}


CLOUD = Cloud(
    name="acme",
    title="Acme",
    base_url="https://api.acme.test/v1",
    authorization=lambda key: {"X-API-KEY": key},
    normalise_base_url=lambda url: url,
    read_error=lambda reply: ("", ""),
)


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


@pytest.fixture
def client(cloud: FakeCloud) -> CloudClient:
    return CloudClient(
        CLOUD, CLOUD.base_url, "a-key-of-acme", transport=httpx.MockTransport(cloud), back_off_seconds=0.001
    )


@pytest.fixture
def watcher(client: CloudClient) -> Iterator[Watcher]:
    watching = Watcher(Things(), client, poll_seconds=0.02)
    yield watching
    watching.cancel_all("the test is over")


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switches of its own for each test, a process that has been stopped stays so; and nobody else's poll."""
    until(lambda: not polls())
    switch = exchange.Stop()
    for module in (exchange, http):
        monkeypatch.setattr(module, "STOP", switch)
    monkeypatch.setattr(waiting, "_watchers", {})
    monkeypatch.setattr(waiting, "_cancelled", None)


def judge(raw: Properties | None) -> Readiness:
    if raw is None:
        return Readiness("failed", "it is gone")
    if raw["status"] == "Broken":
        return Readiness("failed", "Broken")
    return Readiness("ready" if raw["status"] == "Ready" else "pending", raw["status"])


def is_gone(raw: Properties | None) -> Readiness:
    return Readiness("ready", "gone") if raw is None else Readiness("pending", raw["status"])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENTLY
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


class Threads:
    """Runs calls on threads of their own and collects what they return or raise."""

    def __init__(self) -> None:
        self.results: dict[object, Any] = {}
        self._threads: list[threading.Thread] = []

    def run(self, key: object, call: Callable[[], object]) -> None:
        def runs() -> None:
            try:
                self.results[key] = call()
            except Exception as error:
                self.results[key] = error

        self._threads.append(threading.Thread(target=runs, daemon=True))
        self._threads[-1].start()

    def join(self) -> dict[object, Any]:
        for thread in self._threads:
            thread.join(PATIENTLY)
            assert not thread.is_alive()
        return self.results


@pytest.fixture
def threads() -> Threads:
    return Threads()


class Gate:
    """Holds the lists of a cloud until each is let through; says how many have arrived."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.arrived = 0
        self._go = threading.Semaphore(0)
        self._cloud = cloud
        cloud.before = self

    def __call__(self, call: str) -> httpx.Response | None:
        if call == "GET all":
            with self._cloud.lock:
                shown = list(self._cloud.things.values())
            self.arrived += 1
            assert self._go.acquire(timeout=PATIENTLY)
            # As a real one: what a list shows was read when it arrived.
            return httpx.Response(200, content=json.dumps({"things": shown}))
        return None

    def let_through(self, count: int = 1) -> None:
        for _ in range(count):
            self._go.release()


def polls() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("gpufleet-poll")]


# --- Asking -----------------------------------------------------------------------------------------------------------


def test_those_who_ask_together_share_one_list(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.set("a", "Ready")
    gate = Gate(cloud)
    threads.run("first", watcher.fresh_list)
    until(lambda: gate.arrived == 1)
    for number in range(200):
        threads.run(number, watcher.fresh_list)
    time.sleep(0.05)
    gate.let_through(2)
    results = threads.join()
    assert cloud.calls == {"GET all": 2}
    assert all(result == [{"id": "a", "status": "Ready"}] for result in results.values()) and len(results) == 201


def test_a_list_that_was_on_its_way_answers_no_later_question(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    gate = Gate(cloud)
    threads.run("before", watcher.fresh_list)
    until(lambda: gate.arrived == 1)
    cloud.set("a", "Ready")
    threads.run("after", watcher.fresh_list)
    gate.let_through(2)
    results = threads.join()
    assert results["before"] == []
    assert results["after"] == [{"id": "a", "status": "Ready"}]


def test_a_refresh_of_a_thousand_costs_a_handful_of_requests(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    ids = [f"t{number}" for number in range(1000)]
    for id in ids:
        cloud.set(id, "Ready")
    for id in ids:
        threads.run(id, lambda id=id: watcher.fresh(id, within_seconds=10.0))
    results = threads.join()
    assert all(results[id]["id"] == id for id in ids)
    assert cloud.calls.total() <= 2


def test_a_read_joins_the_list_that_runs(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.set("a", "Ready")
    gate = Gate(cloud)
    threads.run("list", watcher.fresh_list)
    until(lambda: gate.arrived == 1)
    threads.run("read", lambda: watcher.fresh("a", within_seconds=60.0))
    gate.let_through()
    assert threads.join()["read"] == {"id": "a", "status": "Ready"}
    assert cloud.calls == {"GET all": 1}


def test_no_read_is_answered_from_before_a_change_of_ours(cloud: FakeCloud, client: CloudClient, watcher: Watcher):
    cloud.set("a", "Old")
    assert watcher.fresh("a", within_seconds=60.0)["status"] == "Old"
    cloud.set("a", "New")
    assert watcher.fresh("a", within_seconds=60.0)["status"] == "Old"
    client.request("PUT", "/things/a", json={})
    assert watcher.fresh("a", within_seconds=60.0)["status"] == "New"


def test_without_leave_every_read_is_newer_than_its_question(cloud: FakeCloud, watcher: Watcher):
    for status in ("One", "Two", "Three"):
        cloud.set("a", status)
        assert watcher.fresh("a")["status"] == status


def test_what_the_list_lacks_is_asked_for_by_id(cloud: FakeCloud, watcher: Watcher):
    cloud.set("a", "Ready")
    cloud.hidden.add("a")
    assert watcher.fresh("a") == {"id": "a", "status": "Ready"}
    with pytest.raises(NotFound):
        watcher.fresh("b")
    assert cloud.calls == {"GET all": 2, "GET one": 2}


def test_where_a_list_lacks_fields_what_it_shows_is_asked_for_by_id(
    cloud: FakeCloud, client: CloudClient, monkeypatch: pytest.MonkeyPatch, threads: Threads
):
    monkeypatch.setattr(Things, "list_shows_all", False)
    monkeypatch.setattr(
        Things, "list_all", lambda self, client: [{"id": "a"} for _ in client.request("GET", "/things")]
    )
    watcher = Watcher(Things(), client, poll_seconds=0.02)
    cloud.set("a", "Making")
    assert watcher.fresh("a") == {"id": "a", "status": "Making"}
    threads.run("wait", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY))
    until(lambda: cloud.calls["GET one"] >= 3)
    # The row of the list stays as it is.
    cloud.set("a", "Ready")
    assert threads.join()["wait"] == {"id": "a", "status": "Ready"}
    cloud.set("a", None)
    assert watcher.fresh("a") == {"id": "a"}
    watcher.cancel_all("the test is over")


def test_a_row_that_garbles_a_field_is_read_by_id(cloud: FakeCloud, watcher: Watcher, monkeypatch: pytest.MonkeyPatch):
    class Keyed(Thing):
        keys: list[str] | None = None

    monkeypatch.setattr(Things, "info_body", Keyed)
    cloud.things["a"] = {"id": "a", "status": "Ready", "keys": ["k"]}
    garbled = {"id": "a", "status": "Ready", "keys": 7}
    monkeypatch.setattr(Things, "list_all", lambda self, client: client.request("GET", "/things") and [garbled])
    watching = Watcher(Things(), watcher._client, poll_seconds=0.02)
    assert watching.fresh("a", showing=["keys"])["keys"] == ["k"]
    waited = watching.wait("a", lambda raw: Readiness("ready", "Ready"), deadline_seconds=PATIENTLY)
    assert waited["keys"] == ["k"]
    watching.cancel_all("the test is over")


def test_a_row_that_says_ready_and_leaves_out_fields_is_judged_by_id(
    cloud: FakeCloud, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, threads: Threads
):
    """The list shows a status, and the key only by id, where it comes later."""

    class Keyed(Thing):
        key: str

    monkeypatch.setattr(Things, "info_body", Keyed)
    cloud.things["a"] = {"id": "a", "status": "Ready"}
    rows = [{"id": "a", "status": "Ready"}]
    monkeypatch.setattr(Things, "list_all", lambda self, client: client.request("GET", "/things") and list(rows))

    def with_key(raw: Properties | None) -> Readiness:
        has_key = raw is None or raw.get("key") != ""
        return Readiness("ready" if has_key else "pending", "Ready", "" if has_key else "its key is not shown")

    watching = Watcher(Things(), watcher._client, poll_seconds=0.02)
    cloud.things["a"]["key"] = ""
    threads.run("wait", lambda: watching.wait("a", with_key, deadline_seconds=PATIENTLY))
    until(lambda: cloud.calls["GET one"] >= 3)
    cloud.things["a"] = {"id": "a", "status": "Ready", "key": "k"}
    assert threads.join()["wait"] == {"id": "a", "status": "Ready", "key": "k"}
    assert watching.fresh("a") == rows[0]
    assert watching.fresh("a", showing=["key"])["key"] == "k"
    watching.cancel_all("the test is over")


def test_fields_that_the_cloud_never_shows_are_asked_for_once(
    cloud: FakeCloud, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
):
    class Keyed(Thing):
        key: str

    monkeypatch.setattr(Things, "info_body", Keyed)
    watching = Watcher(Things(), watcher._client, poll_seconds=0.02)
    cloud.set("a", "Ready")
    assert watching.wait("a", judge, deadline_seconds=PATIENTLY)["status"] == "Ready"
    assert cloud.calls["GET one"] == 1
    watching.cancel_all("the test is over")


def test_what_alone_is_missing_is_told_and_no_longer_waited_for(
    cloud: FakeCloud, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wait_module, "MISSING_SECONDS", 0.1)
    cloud.set("a", "Ready")
    missing: list[str] = []

    def lacking(raw: Properties | None) -> Readiness:
        return Readiness("pending", "Ready", "its key is not shown")

    shown = watcher.wait("a", lacking, deadline_seconds=PATIENTLY, without=missing.append)
    assert (shown["status"], missing) == ("Ready", ["its key is not shown after 0 s"])


def test_a_look_asks_once_and_gives_up_on_a_list_that_is_not_to_be_had(
    cloud: FakeCloud, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
):
    cloud.set("a", "Ready")
    assert [watcher.listed(id) for id in ("a", "a", "b")] == [{"id": "a", "status": "Ready"}] * 2 + [None]
    assert cloud.calls["GET all"] == 1
    monkeypatch.setattr(waiting, "RECENT_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.2)
    held = threading.Event()

    def hold(call: str) -> None:
        held.wait(PATIENTLY)

    cloud.before = hold
    for _ in range(3):
        with pytest.raises(Unavailable):
            watcher.listed("a")
    held.set()
    assert cloud.calls["GET all"] == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(401, json={}), Unauthorized),
        (httpx.Response(404, json={"error": "no such route"}), Unavailable),
        (httpx.Response(429, headers={"retry-after": "300"}), CloudError),
        (httpx.Response(500, headers={"x-should-retry": "false"}), Unavailable),
        (httpx.Response(200, json={}), Unavailable),
        (httpx.Response(200, json={"things": None}), Unavailable),
        (httpx.Response(200, json={"things": [None]}), Unavailable),
    ],
)
def test_no_fault_of_the_list_says_that_anything_is_gone(
    cloud: FakeCloud, watcher: Watcher, answer: httpx.Response, kind: type[CloudError]
):
    cloud.set("a", "Ready")
    cloud.before = lambda call: httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
    with pytest.raises(kind) as raised:
        watcher.fresh("a")
    assert not isinstance(raised.value, NotFound)
    cloud.before = lambda call: None
    assert watcher.fresh("a")["status"] == "Ready"


def test_a_short_list_with_a_fault_by_id_says_nothing_either(cloud: FakeCloud, watcher: Watcher):
    cloud.before = lambda call: httpx.Response(403, json={}) if call == "GET one" else None
    with pytest.raises(Forbidden):
        watcher.fresh("a")
    page = httpx.Response(404, text="<html>", headers={"x-should-retry": "false"})
    cloud.before = lambda call: page if call == "GET one" else None
    with pytest.raises(Unavailable):
        watcher.fresh("a")


def test_every_thread_gets_an_error_of_its_own(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.before = lambda call: httpx.Response(401, json={"error": "bad key"})
    for number in range(50):
        threads.run(number, watcher.fresh_list)
    results = threads.join()
    assert all(type(error) is Unauthorized and error.status == 401 for error in results.values())
    assert len({id(error) for error in results.values()}) == 50


def test_rows_that_did_not_change_are_kept_once(cloud: FakeCloud, watcher: Watcher):
    cloud.set("a", "Ready")
    cloud.set("b", "Waiting")
    before = {row["id"]: row for row in watcher.fresh_list()}
    cloud.set("b", "Ready")
    after = {row["id"]: row for row in watcher.fresh_list()}
    assert after["a"] is before["a"]
    assert after["b"] == {"id": "b", "status": "Ready"} and before["b"] == {"id": "b", "status": "Waiting"}


# --- Waiting ----------------------------------------------------------------------------------------------------------


def test_a_thousand_wait_on_one_poll_and_each_for_its_own(
    cloud: FakeCloud, client: CloudClient, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    told, record = Counter[str](), Wait.record

    def counted(self: Wait, answer: Properties | CloudError, now: float) -> bool:
        told[self._subject] += 1
        return record(self, answer, now)

    monkeypatch.setattr(Wait, "record", counted)
    watcher = Watcher(Things(), client, poll_seconds=0.3)
    ids = [f"t{number}" for number in range(1000)]
    judged: Counter[str] = Counter()
    for id in ids:
        cloud.set(id, "Waiting")

    def judge_one(raw: Properties | None, id: str) -> Readiness:
        judged[id] += 1
        return judge(raw)

    for id in ids:
        threads.run(id, lambda id=id: watcher.wait(id, lambda raw: judge_one(raw, id), deadline_seconds=PATIENTLY))
    until(lambda: len(judged) == len(ids))
    assert len(polls()) == 1
    for id in ids[:500]:
        cloud.set(id, "Ready")
    until(lambda: len(threads.results) == 500)
    assert judged.total() == told.total() == 1500
    for id in ids[500:]:
        cloud.set(id, "Ready")
    results = threads.join()
    assert {id: raw["id"] for id, raw in results.items()} == {id: id for id in ids}
    assert set(judged.values()) == {2}
    assert cloud.calls["GET one"] == 0
    # A list per interval, whoever waits; far from one per waiter even on a machine that is busy with other things.
    assert cloud.calls["GET all"] < 250


def test_a_list_from_before_the_wait_is_not_judged(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.set("a", "Ready")
    gate = Gate(cloud)
    threads.run("other", lambda: watcher.wait("b", is_gone, deadline_seconds=PATIENTLY, gone_is_expected=True))
    until(lambda: gate.arrived == 1)
    cloud.set("a", "Updating")
    seen: list[Any] = []

    def remember(raw: Properties | None) -> Readiness:
        seen.append(raw and raw["status"])
        return judge(raw)

    threads.run("a", lambda: watcher.wait("a", remember, deadline_seconds=PATIENTLY))
    time.sleep(0.05)
    gate.let_through(1)
    until(lambda: gate.arrived == 2)
    gate.let_through(1)
    until(lambda: seen == ["Updating"])
    cloud.set("a", "Ready")
    gate.let_through(10_000)
    threads.join()
    assert seen == ["Updating", "Ready"]


def test_what_was_just_created_may_show_late(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    lines: list[str] = []
    threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY, progress=lines.append))
    until(lambda: cloud.calls["GET one"] >= 5)
    cloud.set("a", "Waiting")
    cloud.hidden.add("a")
    until(lambda: any(line.startswith("Waiting · ") for line in lines))
    cloud.set("a", "Ready")
    assert threads.join()["a"]["status"] == "Ready"
    assert lines[0].startswith("the cloud does not show it yet · ")


def test_a_delete_waits_for_the_list_and_the_id(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.set("a", "Deleting")
    threads.run("a", lambda: watcher.wait("a", is_gone, deadline_seconds=PATIENTLY, gone_is_expected=True))
    until(lambda: cloud.calls["GET all"] >= 3)
    cloud.hidden.add("a")
    until(lambda: cloud.calls["GET one"] >= 3)
    assert not threads.results
    cloud.set("a", None)
    assert threads.join() == {"a": {}}


def test_questions_by_id_keep_a_pace(
    cloud: FakeCloud, client: CloudClient, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    taken: list[float] = []
    turn_seconds = client.by_id.turn_seconds

    def recorded() -> float:
        taken.append(turn_seconds())
        return 0.0

    monkeypatch.setattr(client.by_id, "turn_seconds", recorded)
    watcher = Watcher(Things(), client, poll_seconds=0.02)
    for id in range(60):
        wait = functools.partial(watcher.wait, f"t{id}", is_gone, deadline_seconds=PATIENTLY, gone_is_expected=True)
        threads.run(id, wait)
    threads.join()
    assert cloud.calls["GET one"] == len(taken) == 60


def test_failed_polls_are_borne_and_told(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.set("a", "Waiting")
    lines: list[str] = []
    threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY, progress=lines.append))
    until(lambda: bool(lines))
    before = cloud.calls["GET all"]
    cloud.before = lambda call: httpx.Response(429, headers={"retry-after": "300"})
    until(lambda: cloud.calls["GET all"] >= before + 8)
    assert not threads.results
    cloud.before = lambda call: None
    cloud.set("a", "Ready")
    assert threads.join()["a"]["status"] == "Ready"
    assert any("Waiting" in line and "no answer" in line and "429" in line for line in lines)


def test_a_key_that_stops_working_ends_the_wait(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.set("a", "Waiting")
    lines: list[str] = []
    threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY, progress=lines.append))
    until(lambda: bool(lines))
    cloud.before = lambda call: httpx.Response(401, json={"error": "revoked"})
    error = threads.join()["a"]
    assert isinstance(error, WaitUnanswered) and "acme:apiKey" in str(error)
    assert error.raw == {"id": "a", "status": "Waiting"}


def test_garbled_replies_cost_nobody_a_wait(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    cloud.set("a", "Waiting")
    threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY))
    for garbled in ({}, {"things": None}, {"things": ["a"]}, {"things": {"a": 1}}):
        before = cloud.calls["GET all"]
        cloud.before = lambda call, garbled=garbled: httpx.Response(200, json=garbled)
        until(lambda before=before: cloud.calls["GET all"] >= before + 2)
    cloud.before = lambda call: None
    cloud.set("a", "Ready")
    assert threads.join()["a"]["status"] == "Ready"


def test_failure_and_time_end_a_wait_with_the_reply(cloud: FakeCloud, watcher: Watcher):
    cloud.set("a", "Broken")
    with pytest.raises(WaitFailed) as failed:
        watcher.wait("a", judge, deadline_seconds=PATIENTLY)
    assert failed.value.raw == {"id": "a", "status": "Broken"}
    cloud.set("b", "Waiting")
    with pytest.raises(WaitTimedOut) as late:
        watcher.wait("b", judge, deadline_seconds=2)
    assert late.value.raw == {"id": "b", "status": "Waiting"} and late.value.last_message == "Waiting"


def test_the_time_is_up_even_while_the_cloud_hangs(cloud: FakeCloud, watcher: Watcher):
    gate = Gate(cloud)
    with pytest.raises(WaitTimedOut):
        watcher.wait("a", judge, deadline_seconds=0.3)
    gate.let_through(10)


def test_a_line_that_cannot_be_shown_is_not_worth_a_wait(cloud: FakeCloud, watcher: Watcher):
    cloud.set("a", "Waiting")

    def broken(line: str) -> None:
        cloud.set("a", "Ready")
        raise ConnectionError(line)

    assert watcher.wait("a", judge, deadline_seconds=PATIENTLY, progress=broken)["status"] == "Ready"


def test_the_poll_lives_as_long_as_anything_waits(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    for _ in range(2):
        cloud.set("a", "Waiting")
        threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY))
        until(lambda: len(polls()) == 1)
        cloud.set("a", "Ready")
        threads.join()
        until(lambda: not polls())
    asked = cloud.calls["GET all"]
    time.sleep(0.1)
    assert cloud.calls["GET all"] == asked


def test_the_interval_adapts_to_age():
    assert [interval_seconds(age) for age in (0, 30, 165, 300, 5000)] == [2.0, 2.0, 8.5, 15.0, 15.0]
    grows = [interval_seconds(age) for age in range(0, 400, 10)]
    assert grows == sorted(grows)


def test_one_that_comes_late_is_not_held_up_by_the_age_of_the_others(
    cloud: FakeCloud, client: CloudClient, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    # For the young a moment, for the old an hour: whoever comes has to wake the poll.
    old = 0.3
    monkeypatch.setattr(waiting, "interval_seconds", lambda age_seconds: 0.02 if age_seconds < old else 3600.0)
    watcher = Watcher(Things(), client)
    for id in ("a", "b"):
        cloud.set(id, "Waiting")
    threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY))
    time.sleep(2 * old)
    cloud.set("a", "Ready")
    cloud.set("b", "Ready")
    threads.run("b", lambda: watcher.wait("b", judge, deadline_seconds=PATIENTLY))
    assert {id: raw["status"] for id, raw in threads.join().items()} == {"a": "Ready", "b": "Ready"}


# --- The end of a run -------------------------------------------------------------------------------------------------


def test_cancelling_wakes_everybody_and_nobody_starts_again(cloud: FakeCloud, client: CloudClient, threads: Threads):
    watcher = Watcher(Things(), client)
    for number in range(200):
        cloud.set(f"t{number}", "Waiting")
    shown: list[str] = []
    for number in range(200):
        call = functools.partial(watcher.wait, f"t{number}", judge, deadline_seconds=3600, progress=shown.append)
        threads.run(number, call)
    until(lambda: len(shown) == 200)
    watcher.cancel_all("the run was cancelled")
    results = threads.join()
    assert all(isinstance(error, WaitCancelled) and error.raw is not None for error in results.values())
    assert "the run was cancelled" in str(results[0])
    until(lambda: not polls())
    asked = cloud.calls.total()
    with pytest.raises(WaitCancelled):
        watcher.wait("t1", judge, deadline_seconds=3600)
    for question in (watcher.fresh_list, lambda: watcher.fresh("t1"), watcher.pause):
        with pytest.raises(Stopped, match="the run was cancelled"):
            question()
    assert cloud.calls.total() == asked


def test_cancelling_ends_what_hangs(cloud: FakeCloud, watcher: Watcher, threads: Threads):
    gate = Gate(cloud)
    threads.run("wait", lambda: watcher.wait("a", judge, deadline_seconds=3600))
    until(lambda: gate.arrived == 1)
    for number in range(20):
        threads.run(number, watcher.fresh_list)
    time.sleep(0.05)
    exchange.stop_posting("the engine is gone")
    watcher.cancel_all("the engine is gone")
    results = threads.join()
    assert isinstance(results.pop("wait"), WaitCancelled)
    assert all(isinstance(error, Stopped) for error in results.values())
    gate.let_through(10)


def test_one_account_and_kind_has_one_watcher_and_all_end_together(cloud: FakeCloud, client: CloudClient):
    one = watcher_for(Things(), client)
    assert watcher_for(Things(), client) is one
    other = CloudClient(CLOUD, CLOUD.base_url, "another-key", transport=httpx.MockTransport(cloud))
    assert watcher_for(Things(), other) is not one
    cancel_everything("the engine is gone")
    with pytest.raises(Stopped, match="the engine is gone"):
        one.fresh_list()
    late = CloudClient(CLOUD, CLOUD.base_url, "a-third-key", transport=httpx.MockTransport(cloud))
    with pytest.raises(WaitCancelled, match="the engine is gone"):
        watcher_for(Things(), late).wait("a", judge, deadline_seconds=60)
    assert not cloud.calls


def test_a_pause_is_an_interval(watcher: Watcher):
    watcher.pause()


# --- Where no more threads can be started -----------------------------------------------------------------------------


class Limit:
    """Refuses to start the threads that the watcher and the client start, while it is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on = True
        self._start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", lambda thread: self.start(thread))

    def start(self, thread: threading.Thread) -> None:
        if self.on and thread.name.startswith("gpufleet-"):
            raise RuntimeError("can't start new thread")
        self._start(thread)


def test_those_that_wait_poll_by_themselves_where_no_thread_can_be_started(
    cloud: FakeCloud, watcher: Watcher, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    Limit(monkeypatch)
    ids = [f"t{number}" for number in range(100)]
    for id in ids:
        cloud.set(id, "Pending")
        threads.run(id, lambda id=id: watcher.wait(id, judge, deadline_seconds=PATIENTLY))
    until(lambda: cloud.calls["GET all"] >= 3)
    asked = cloud.calls["GET all"]
    for id in ids:
        cloud.set(id, "Ready")
    results = threads.join()
    assert [results[id] for id in ids] == [{"id": id, "status": "Ready"} for id in ids]
    # They take turns: one poll for all, as the thread would have made it.
    assert cloud.calls["GET all"] - asked <= 5 and cloud.calls["GET one"] == 0


def test_a_poll_whose_thread_could_not_be_started_is_started_again(
    cloud: FakeCloud, watcher: Watcher, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    limit = Limit(monkeypatch)
    cloud.set("a", "Pending")
    threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY))
    until(lambda: cloud.calls["GET all"] >= 2)
    assert polls() == []
    limit.on = False
    until(lambda: len(polls()) == 1)
    cloud.set("a", "Ready")
    assert threads.join() == {"a": {"id": "a", "status": "Ready"}}


def test_a_wait_that_polls_by_itself_ends_when_it_is_cancelled(
    cloud: FakeCloud, watcher: Watcher, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    Limit(monkeypatch)
    cloud.set("a", "Pending")
    threads.run("a", lambda: watcher.wait("a", judge, deadline_seconds=PATIENTLY))
    until(lambda: cloud.calls["GET all"] >= 2)
    watcher.cancel_all("the run was cancelled")
    assert isinstance(threads.join()["a"], WaitCancelled)
