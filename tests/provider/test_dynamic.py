"""The contract with Pulumi: what stands in users' state, and what a provider answers without a server around it."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from typing import Any

import dill
import pytest
from gpufleet_provider import CLOUDS, dynamic
from gpufleet_provider.clouds import lifecycle_of, lifecycles_of
from gpufleet_provider.dynamic import DynamicProvider
from gpufleet_provider.model import state_properties
from gpufleet_provider.model.errors import MissingKey, Refusal
from gpufleet_provider.model.state_properties import INPUTS
from gpufleet_provider.operations.adoption import KnownIds
from gpufleet_provider.operations.call import CALL, Call
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider

from tests.provider.plugin.servers.server import PICKLED
from tests.provider.toy import BOX, FUTURE, Desk

TOKENS = [life.token for name in CLOUDS for life in lifecycles_of(name).values()]
INPUTS_NOW: dict[str, Any] = {"box_name": "b", "place": "here", "count": 2}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A provider of boxes: `DynamicProvider("toy:Box")`."""
    made = Desk()
    known = KnownIds()
    monkeypatch.setattr(dynamic, "lifecycle_of", lambda token: BOX)
    monkeypatch.setattr(dynamic, "account_of", lambda token: made.account)
    monkeypatch.setattr(dynamic, "known_ids", lambda token: known)
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
    assert dill.loads(base64.b64decode(pickled)).resource == token
    assert lifecycle_of(token).token == token


@pytest.mark.parametrize("token", ["mars:Cluster", "together:Moon", "together", ""])
def test_a_resource_of_another_version_is_refused_by_name(token: str) -> None:
    with pytest.raises(Refusal, match="of this version of pulumi-gpufleet"):
        lifecycle_of(token)


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_without_a_key_an_account_says_where_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOGETHER_API_KEY", raising=False)
    DynamicProvider("together:Cluster").configure(ConfigureRequest(Config({}, "p")))
    with pytest.raises(MissingKey, match="together:apiKey"):
        dynamic.account_of("together:Cluster")


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("", None), ("5", 5.0), ("0.25", 0.25)])
def test_the_interval_of_polls_can_be_set(text: str | None, seconds: float | None) -> None:
    settings = dynamic.Settings()
    settings.take(ConfigureRequest(Config({} if text is None else {"gpufleet:pollSeconds": text}, "p")))
    assert settings.poll_seconds() == seconds


@pytest.mark.parametrize("text", ["often", "0", "-1", "nan", "1e9"])
def test_an_interval_that_is_none_is_refused(text: str) -> None:
    settings = dynamic.Settings()
    settings.take(ConfigureRequest(Config({"gpufleet:pollSeconds": text}, "p")))
    with pytest.raises(Refusal, match="gpufleet:pollSeconds"):
        settings.poll_seconds()


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
    desk.account.known.named.update(dynamic.known_ids("toy:Box").named)
    assert provider.create(offered).id != old


def test_a_refusal_stops_a_run_but_not_a_refresh(desk: Desk) -> None:
    provider = DynamicProvider("toy:Box")
    kept = {**INPUTS_NOW, "ends": FUTURE}
    olds, news = {"id": "b", **kept, INPUTS: kept}, {**kept, "place": "there"}
    token = CALL.set(Call("urn:box"))
    try:
        with pytest.raises(Refusal, match="forfeits"):
            provider.diff("b", olds, news)
        # A refresh reads, and then compares the other way round to show what has drifted; a run checks in between.
        desk.cloud.make(**kept)
        provider.read("box-1", {"id": "box-1", **kept, INPUTS: kept})
        assert provider.diff("b", olds, news).replaces == ["place"]
        with pytest.raises(Refusal, match="forfeits"):
            provider.diff("b", olds, news)
        provider.read("box-1", {"id": "box-1", **kept, INPUTS: kept})
        provider.check(kept, news)
        with pytest.raises(Refusal, match="forfeits"):
            provider.diff("b", olds, news)
    finally:
        CALL.reset(token)


@pytest.fixture
def in_call() -> Iterator[None]:
    """The call of a resource."""
    token = CALL.set(Call("urn:box"))
    yield
    CALL.reset(token)


PREPAID: dict[str, Any] = {**INPUTS_NOW, "ends": FUTURE}


def prepaid(desk: Desk, **more: Any) -> tuple[str, dict[str, Any]]:
    """A prepaid box of an earlier run, as the state holds it."""
    inputs = {**PREPAID, **more}
    id = desk.cloud.make(**inputs)
    return id, {"id": id, **inputs, INPUTS: inputs}


@pytest.mark.usefixtures("in_call")
def test_the_engine_does_not_replace_what_is_prepaid_by_a_decision_of_its_own(desk: Desk) -> None:
    """`--replace` and a taint: a check as of a new resource and no diff, then the delete."""
    provider, (id, olds) = DynamicProvider("toy:Box"), prepaid(desk)
    desk.account = dataclasses.replace(desk.account, known=dynamic.known_ids("toy:Box"))
    provider.check({}, PREPAID)
    with pytest.raises(Refusal, match="forfeits a term until"):
        provider.delete(id, olds)
    assert desk.cloud.sent("delete") == []
    provider.check({}, {**PREPAID, "confirm_forfeit": True})
    provider.delete(id, olds)
    assert desk.cloud.boxes == {}


@pytest.mark.usefixtures("in_call")
def test_what_is_only_destroyed_needs_no_word(desk: Desk) -> None:
    provider, (id, olds) = DynamicProvider("toy:Box"), prepaid(desk)
    desk.account = dataclasses.replace(desk.account, known=dynamic.known_ids("toy:Box"))
    provider.check(PREPAID, PREPAID)
    provider.delete(id, olds)
    assert desk.cloud.boxes == {}


@pytest.mark.usefixtures("in_call")
def test_what_was_replaced_create_first_is_deleted_afterwards(desk: Desk) -> None:
    """The new term is bought by then: to keep the old cluster as well would be paid twice."""
    provider, (id, olds) = DynamicProvider("toy:Box"), prepaid(desk)
    desk.account = dataclasses.replace(desk.account, known=dynamic.known_ids("toy:Box"))
    provider.check({}, {**PREPAID, "box_name": "another"})
    provider.create({**PREPAID, "box_name": "another"})
    provider.delete(id, olds)
    assert id not in desk.cloud.boxes


@pytest.mark.usefixtures("in_call")
def test_a_replacement_against_the_diff_is_refused_while_it_is_checked(desk: Desk) -> None:
    """`replace_on_changes`: the diff finds an update, and what follows is a check as of a new resource."""
    provider, (id, olds) = DynamicProvider("toy:Box"), prepaid(desk)
    news = {**PREPAID, "count": 4}
    assert provider.check(PREPAID, news).failures == []
    assert provider.diff(id, olds, news).replaces == []
    (failure,) = provider.check({}, news).failures
    assert failure.property == "confirm_forfeit" and "forfeits a term until" in failure.reason
    assert provider.check({}, {**news, "confirm_forfeit": True}).failures == []


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
