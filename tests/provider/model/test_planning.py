"""What a run does to a living resource, and what it may not do."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.planning import Plan, plan
from gpufleet_provider.model.state_properties import ENDED, INPUTS, WAIT

from tests.provider.toy import BOX, FUTURE, PAST

UNKNOWN = object()
INPUTS_NOW = {"place": "here", "count": 2, "box_name": "b"}


def planned(news: dict[str, Any], kept: dict[str, Any] | None = None, **outputs: Any) -> Plan:
    inputs = {**INPUTS_NOW, **(kept or {})}
    olds = {"id": "box-1", **inputs, **outputs, INPUTS: inputs}
    return plan(BOX, olds, {**inputs, **news}, lambda value: value is UNKNOWN)


def waiting(state: str, during: str = "create") -> dict[str, Any]:
    return {WAIT: {"state": state, "words": "w", "during": during}}


def test_the_same_inputs_are_no_change_whatever_the_server_filled_in() -> None:
    assert planned({}, colour="red", project="p") == Plan(False, [], {}, None)


@pytest.mark.parametrize(
    ("news", "replaces", "detailed"),
    [
        ({"count": 4}, [], {"count": "update"}),
        ({"colour": "red", "login": {"user": "u"}}, [], {"colour": "add", "login": "add"}),
        ({"place": "there"}, ["place"], {"place": "update_replace"}),
        ({"place": "there", "count": 4}, ["place"], {"place": "update_replace", "count": "update"}),
    ],
)
def test_a_change_updates_or_replaces_and_says_where(news: Any, replaces: list[str], detailed: dict[str, str]) -> None:
    assert planned(news) == Plan(True, replaces, detailed, None)


@pytest.mark.parametrize(
    ("news", "kept", "shown"),
    [
        ({"mode": "open"}, {}, {}),  # the documented default, written out
        ({"mode": None}, {"mode": "open"}, {}),  # and taken out again
        ({"colour": "red"}, {}, {"colour": "red"}),  # what runs, written out: an update of it is not needed either
        ({"login": {"user": "u"}}, {}, {"login": {"user": "u", "password": "made by the cloud"}}),
        ({"labels": None}, {"labels": {"team": "a"}}, {"labels": {"team": "a"}}),  # replaces, but would change nothing
        ({"labels": {"team": "b"}}, {"labels": {"team": "a"}}, {"labels": {"team": "b"}}),  # as the cloud spells it
    ],
)
def test_an_edit_that_says_what_already_is_changes_nothing(news: Any, kept: Any, shown: Any) -> None:
    assert planned(news, kept, **shown) == Plan(False, [], {}, None)


@pytest.mark.parametrize(
    ("news", "kept", "shown", "replaces"),
    [
        ({"mode": "closed"}, {}, {}, ["mode"]),
        ({"mode": None}, {"mode": "closed"}, {}, ["mode"]),
        ({"labels": {"team": "b"}}, {}, {"labels": {"team": "a"}}, ["labels"]),
        ({"colour": "blue"}, {}, {"colour": "red"}, []),
        ({"colour": None}, {"colour": "red"}, {"colour": "red"}, []),  # the cloud is to take it off
    ],
)
def test_an_input_that_says_something_else_is_a_change(news: Any, kept: Any, shown: Any, replaces: list[str]) -> None:
    found = planned(news, kept, **shown)
    assert (found.changed, found.replaces) == (True, replaces)


def test_a_warning_is_no_change() -> None:
    assert planned({"tests": False}, {"tests": True}) == Plan(False, [], {}, None)


def test_a_refused_change_is_refused_here_too() -> None:
    assert planned({"size_gib": 1}, {"size_gib": 2}).refusal == "size_gib: make another box"


def test_what_is_not_ready_is_waited_for_and_what_failed_is_replaced() -> None:
    assert planned({}, **waiting("pending")) == Plan(True, [], {"status": "update"}, None)
    assert planned({}, **waiting("failed")) == Plan(True, ["status"], {"status": "update_replace"}, None)
    assert planned({"place": "there"}, **waiting("failed")).replaces == ["place"]


def test_a_replacement_that_forfeits_a_term_needs_a_word() -> None:
    term = {"ends": FUTURE}
    refusal = planned({"place": "there"}, term).refusal
    assert refusal is not None
    assert "place" in refusal and "forfeits a term until" in refusal and "confirm_forfeit=True" in refusal
    assert planned({"place": "there", "confirm_forfeit": True}, term).refusal is None
    assert planned({"count": 4}, term).refusal is None
    # What failed while it was set up has been paid for all the same.
    assert planned({}, term, **waiting("failed")).refusal is not None


def test_fewer_than_are_prepaid_need_a_word() -> None:
    term = {"ends": FUTURE, "count": 4}
    refusal = planned({"count": 2}, term).refusal
    assert refusal is not None and "would forfeit boxes, in a term until" in refusal
    assert "confirm_forfeit=True" in refusal
    assert planned({"count": 2, "confirm_forfeit": True}, term).refusal is None
    assert planned({"count": UNKNOWN}, term).refusal is None


def test_a_replacement_that_takes_data_along_needs_a_word() -> None:
    data = {"size_gib": 2}
    refusal = planned({"place": "there"}, data).refusal
    assert refusal is not None and "what is in the box goes with it" in refusal and "confirm_data_loss=True" in refusal
    assert planned({"place": "there", "confirm_data_loss": True}, data).refusal is None
    assert planned({"place": "there", "confirm_forfeit": True}, data).refusal == refusal
    # Both are asked for at once, and what never came up is new and empty.
    both = planned({"place": "there"}, {**data, "ends": FUTURE}).refusal
    assert both is not None and "confirm_forfeit=True and confirm_data_loss=True" in both
    assert planned({}, data, **waiting("failed")).refusal is None
    assert planned({}, data, **waiting("failed", during="update")).refusal is not None
    assert planned({"place": "there"}, data, **waiting("pending")).refusal is not None
    # The volume of a term that is over outlives it.
    ended = {**data, "ends": PAST, ENDED: PAST}
    assert "confirm_data_loss" in str(planned({"ends": FUTURE}, ended).refusal)


def test_a_refusal_wins_over_a_replacement() -> None:
    found = planned({"place": "there", "term_days": 2}, {"term_days": 1})
    assert (found.replaces, found.refusal) == (["place"], "term_days: set ends instead")


def test_every_reason_of_a_replacement_is_said() -> None:
    found = planned({"place": "there", "mode": "closed", "confirm_data_loss": True}, {"size_gib": 2})
    assert [line.partition(":")[0] for line in found.warnings] == [
        "it is to be replaced because of place",
        "it is to be replaced because of mode",
    ]
    assert all("what is in the box goes with it" in line for line in found.warnings)
    assert planned({}, **waiting("failed")).warnings == ("it is to be replaced because of status: w",)
    assert planned({"count": 4}).warnings == ()


@pytest.mark.parametrize("name", ["place", "mode", "weight", "tags", "labels", "box_name"])
@pytest.mark.parametrize("kept", [{}, {"ends": FUTURE}, {"size_gib": 2}], ids=str)
def test_what_is_not_known_yet_refuses_and_replaces_nothing(name: str, kept: Any) -> None:
    value = {"tags": [UNKNOWN], "labels": {"team": UNKNOWN}}.get(name, UNKNOWN)
    found = planned({name: value}, kept)
    assert (found.changed, found.replaces, found.refusal) == (True, [], None)
    (said,) = found.warnings
    assert said.startswith(f"it may be replaced because of {name}, which is not known yet")


@pytest.mark.parametrize("name", ["term_days", "ends", "size_gib", "count"])
def test_what_is_not_known_yet_is_not_refused(name: str) -> None:
    found = planned({name: UNKNOWN}, {"term_days": 1, "ends": FUTURE, "size_gib": 2})
    assert (found.replaces, found.refusal) == ([], None)
    said = ["it may be refused because of term_days"] if name == "term_days" else []
    assert [line.partition(",")[0] for line in found.warnings] == said


def test_what_is_known_is_judged_beside_what_is_not() -> None:
    found = planned({"colour": UNKNOWN, "place": "there"}, {"ends": FUTURE})
    assert found.replaces == ["place"] and "forfeits" in str(found.refusal)
    assert planned({"place": "there", "confirm_forfeit": UNKNOWN}, {"ends": FUTURE}).refusal is None


def test_a_term_that_is_not_known_yet_buys_nothing() -> None:
    found = planned({"ends": UNKNOWN}, {"ends": PAST, ENDED: PAST})
    assert (found.changed, found.replaces, found.refusal) == (True, [], None)


def test_a_term_that_is_over_is_not_bought_again_for_another_reason() -> None:
    refusal = planned({"place": "there"}, {"ends": PAST}).refusal
    assert refusal is not None and "not bought again" in refusal
    assert planned({}, {"ends": PAST}, **waiting("failed")).refusal is not None


def test_what_has_ended_is_replaced_for_a_new_term_alone() -> None:
    ended = {"ends": PAST, ENDED: PAST}
    assert planned({"count": 4}, ended) == Plan(False, [], {"count": "update"}, None)
    again = planned({"ends": FUTURE, "count": 4}, ended)
    assert (again.changed, again.replaces, again.refusal) == (True, ["ends"], None)
    assert again.warnings == (f"it is to be replaced because of ends: {PAST}, and another term is bought",)


def test_a_state_without_inputs_shows_some_and_the_rest_is_as_declared() -> None:
    olds = {"id": "box-1", "place": "here", "count": 2, "box_name": "b"}
    assert not plan(BOX, olds, {**INPUTS_NOW, "tests": True, "mode": "open"}).changed
    assert plan(BOX, olds, {**INPUTS_NOW, "count": 4}).detailed == {"count": "update"}
