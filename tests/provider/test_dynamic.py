"""The contract with Pulumi: what stands in users' state, and what a provider answers without a server around it."""

from __future__ import annotations

import base64
import threading
import time
from typing import Any

import dill
import pytest
from gpufleet_provider import CLOUDS, clouds, dynamic
from gpufleet_provider.clouds import lifecycle_of, lifecycles_of
from gpufleet_provider.dynamic import DynamicProvider
from gpufleet_provider.model import state_properties
from gpufleet_provider.model.checking import Checked
from gpufleet_provider.model.errors import MissingKey, Refusal
from gpufleet_provider.model.fields import Failure, Properties
from gpufleet_provider.model.planning import Plan
from gpufleet_provider.model.state_properties import INPUTS
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.service import ResourceService, Service
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider

from tests.provider.plugin.servers.server import PICKLED
from tests.provider.toy import BOX, Desk, ToyClient

TOKENS = [life.token for name in CLOUDS for life in lifecycles_of(name).values()]
INPUTS_NOW: dict[str, Any] = {"box_name": "b", "place": "here", "count": 2}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A provider of boxes: `DynamicProvider("toy:Box")`."""
    made = Desk()
    monkeypatch.setattr(dynamic, "service_of", lambda token: made.service)
    return made


# --- The wire format ------------------------------------------------------------------------------------------------


def test_what_stands_in_states_never_changes() -> None:
    assert serialize_provider(DynamicProvider("together:Cluster")) == PICKLED


@pytest.mark.parametrize("token", TOKENS)
def test_it_is_small_holds_no_key_and_comes_back(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = DynamicProvider(token)
    provider.configure(ConfigureRequest(Config({"together:apiKey": "sekrit", "shadeform:apiKey": "sekrit"}, "p")))
    pickled = serialize_provider(provider)
    assert len(pickled) <= 200
    assert b"sekrit" not in base64.b64decode(pickled)
    assert pickled == serialize_provider(DynamicProvider(token))
    assert dill.loads(base64.b64decode(pickled)).resource == token
    assert lifecycle_of(token).token == token


@pytest.mark.parametrize("token", ["mars:Cluster", "together:Moon", "together", ""])
def test_a_resource_of_another_version_is_refused_by_name(token: str) -> None:
    with pytest.raises(Refusal, match="of this version of pulumi-gpufleet"):
        lifecycle_of(token)


# --- Accounts ---------------------------------------------------------------------------------------------------------


def configured(**config: str) -> DynamicProvider:
    provider = DynamicProvider("toy:Box")
    provider.configure(ConfigureRequest(Config({key.replace("__", ":"): value for key, value in config.items()}, "p")))
    return provider


def test_without_a_key_a_create_says_where_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOGETHER_API_KEY", raising=False)
    provider = DynamicProvider("together:Cluster")
    provider.configure(ConfigureRequest(Config({}, "p")))
    with pytest.raises(MissingKey, match="together:apiKey"):
        provider.create({})


def test_each_provider_of_a_process_reaches_the_account_of_its_own_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desks = {"one": Desk(), "two": Desk()}
    service = ResourceService(BOX, lambda setting: ToyClient(desks[setting("toy:apiKey") or ""].cloud))  # type: ignore
    monkeypatch.setattr(dynamic, "service_of", lambda token: service)
    providers = [configured(toy__apiKey=name, gpufleet__pollSeconds="0.01") for name in ("one", "two")]
    for provider, name in zip(providers, desks, strict=True):
        provider.create({**INPUTS_NOW, "box_name": name})
    assert [[box["box_name"] for box in desk.cloud.boxes.values()] for desk in desks.values()] == [["one"], ["two"]]


def test_a_service_is_made_once_however_many_ask_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one call has met would be unknown to a second service."""
    meeting, found = threading.Barrier(8), list[object]()

    def slowly(token: str) -> Any:
        time.sleep(0.05)
        return BOX

    def ask() -> None:
        meeting.wait()
        found.append(clouds.service_of("together:Slow"))

    monkeypatch.setattr(clouds, "lifecycle_of", slowly)
    monkeypatch.setattr(clouds, "_services", {})
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1 and len(found) == 8


# --- Services ---------------------------------------------------------------------------------------------------------


class Spanning:
    """A service that is none of one cloud's resources; it records what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def check(self, call: Call, olds: Properties, news: Properties) -> Checked:
        self.asked.append(("check", olds, news))
        return Checked(news, [Failure("count", "is too small")])

    def diff(self, call: Call, id: str, olds: Properties, news: Properties) -> Plan:
        self.asked.append(("diff", id, olds, news))
        return Plan(True, ["place"], {"place": "update_replace"}, None)

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        self.asked.append(("create", inputs))
        return "id-1", {"made": True}

    def read(self, call: Call, id: str, outputs: Properties) -> tuple[Properties, Properties | None] | None:
        self.asked.append(("read", id, outputs))
        return None

    def update(self, call: Call, id: str, olds: Properties, inputs: Properties) -> Properties:
        self.asked.append(("update", id, olds, inputs))
        return {"made": call.setting("toy:word")}

    def delete(self, call: Call, id: str, outputs: Properties) -> None:
        self.asked.append(("delete", id, outputs))


def test_a_service_beside_the_clouds_is_served_like_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    spanning = Spanning()
    service: Service = spanning
    monkeypatch.setattr(dynamic, "service_of", lambda token: service)
    provider = configured(toy__word="yes")
    olds, news = {"count": 1.0, "__provider": "p"}, {"count": 2.0, "__provider": "p"}
    checked, planned = provider.check(olds, news), provider.diff("id-1", olds, news)
    created, found = provider.create(news), provider.read("id-1", olds)
    updated = provider.update("id-1", olds, news)
    provider.delete("id-1", olds)
    assert [(failure.property, failure.reason) for failure in checked.failures] == [("count", "is too small")]
    assert (planned.changes, planned.replaces, planned.detailed) == (True, ["place"], {"place": "update_replace"})
    assert (created.id, created.outs, found.id, updated.outs) == ("id-1", {"made": True}, "", {"made": "yes"})
    old, new = {"count": 1}, {"count": 2}
    assert spanning.asked == [
        ("check", old, new),
        ("diff", "id-1", old, new),
        ("create", new),
        ("read", "id-1", old),
        ("update", "id-1", old, new),
        ("delete", "id-1", old),
    ]


# --- The contract, without a server ---------------------------------------------------------------------------------


def test_numbers_arrive_as_floats_and_are_sent_as_whole_numbers(desk: Desk) -> None:
    provider = DynamicProvider("toy:Box")
    result = provider.create({**INPUTS_NOW, "count": 2.0, "__provider": "p"})
    (sent,) = desk.cloud.sent("create")
    assert (sent, type(sent["count"])) == (INPUTS_NOW, int)
    assert "__provider" not in result.outs[INPUTS]


def test_a_diff_answers_true_or_false(desk: Desk) -> None:
    provider, olds = DynamicProvider("toy:Box"), {"id": "b", **INPUTS_NOW, INPUTS: INPUTS_NOW}
    assert provider.diff("b", olds, {**INPUTS_NOW, "count": 2.0}).changes is False
    changed = provider.diff("b", olds, {**INPUTS_NOW, "place": "there"})
    assert (changed.changes, changed.replaces, changed.delete_before_replace) == (True, ["place"], True)


def test_a_diff_names_an_id_that_create_then_leaves_alone(desk: Desk) -> None:
    provider = DynamicProvider("toy:Box")
    offered = {**INPUTS_NOW, "__offered_name": "b"}
    old = desk.cloud.make(**INPUTS_NOW)
    provider.diff(old, {"id": old, **offered, INPUTS: offered}, offered)
    assert provider.create(offered).id != old


def test_a_read_returns_inputs_and_gone_is_an_empty_id(desk: Desk) -> None:
    provider = DynamicProvider("toy:Box")
    created = provider.create(INPUTS_NOW)
    desk.cloud.boxes[created.id]["count"] = 4
    desk.new_run()
    found = provider.read(created.id, created.outs)
    assert (found.id, found.inputs["count"]) == (created.id, 4)
    del desk.cloud.boxes[created.id]
    desk.new_run()
    assert provider.read(created.id, created.outs).id == ""


def test_constants_of_the_state_keep_their_names() -> None:
    assert (state_properties.INPUTS, state_properties.WAIT) == ("__inputs", "__wait")
    assert (state_properties.OFFERED_NAME, state_properties.STATE) == ("__offered_name", "__state")
