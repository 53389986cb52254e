"""What a run does to a living resource, and what it may not do."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.planning import Plan, plan
from gpufleet_provider.model.state_properties import ENDED, INPUTS, WAIT

from tests.provider.toy import BOX, FUTURE, PAST

INPUTS_NOW = {"place": "here", "count": 2, "box_name": "b"}


def planned(news: dict[str, Any], kept: dict[str, Any] | None = None, **outputs: Any) -> Plan:
    inputs = {**INPUTS_NOW, **(kept or {})}
    return plan(BOX, {"id": "box-1", **inputs, **outputs, INPUTS: inputs}, {**inputs, **news})


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


def test_a_term_that_is_over_is_not_bought_again_for_another_reason() -> None:
    refusal = planned({"place": "there"}, {"ends": PAST}).refusal
    assert refusal is not None and "not bought again" in refusal
    assert planned({}, {"ends": PAST}, **waiting("failed")).refusal is not None


def test_what_has_ended_is_replaced_for_a_new_term_alone() -> None:
    ended = {"ends": PAST, ENDED: PAST}
    assert planned({"count": 4}, ended) == Plan(False, [], {"count": "update"}, None)
    again = planned({"ends": FUTURE, "count": 4}, ended)
    assert (again.changed, again.replaces, again.refusal) == (True, ["ends"], None)


def test_a_state_without_inputs_shows_some_and_the_rest_is_as_declared() -> None:
    olds = {"id": "box-1", "place": "here", "count": 2, "box_name": "b"}
    assert not plan(BOX, olds, {**INPUTS_NOW, "tests": True, "mode": "open"}).changed
    assert plan(BOX, olds, {**INPUTS_NOW, "count": 4}).detailed == {"count": "update"}
