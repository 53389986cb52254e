"""Differences by meaning, what they do, and what a refresh corrects."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider import CLOUDS
from gpufleet_provider.clouds import lifecycles_of
from gpufleet_provider.model.comparing import changes, corrected, differences, verdicts
from gpufleet_provider.model.lifecycle import Lifecycle
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provider.toy import BOX, BoxCreate

BODIES = [BoxCreate, *(life.create_body for name in CLOUDS for life in lifecycles_of(name).values())]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def bags(body: Any, junk: st.SearchStrategy[Any] = JSON) -> st.SearchStrategy[dict[str, Any]]:
    """Properties with the names of a body and anything as values."""
    return st.dictionaries(st.sampled_from([*body.model_fields, "unheard_of", "__hidden"]), junk, max_size=6)


def paths(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    found = differences(BoxCreate, old, new)
    return {difference.path: difference.kind for where in found.values() for difference in where}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"count": 2}, {"count": 2.0}, {}),
        ({"count": 2}, {"count": 4}, {"count": "update"}),
        ({}, {"colour": "red"}, {"colour": "add"}),
        ({"colour": "red"}, {"colour": None}, {"colour": "delete"}),
        ({"__offered_name": "a"}, {"__offered_name": "b"}, {}),
        ({"ends": "2030-01-01T00:00:00Z"}, {"ends": "2030-01-01T01:00:00.000+01:00"}, {}),
        ({"ends": "2030-01-01T00:00:00Z"}, {"ends": "2030-01-01T00:00:01Z"}, {"ends": "update"}),
        ({"ends": "never"}, {"ends": "ever"}, {"ends": "update"}),
        ({"login": {"user": "a"}}, {"login": {"user": "a", "password": None}}, {}),
        (
            {"login": {"user": "a"}},
            {"login": {"user": "b", "password": "x"}},
            {"login.user": "update", "login.password": "add"},
        ),
        ({"labels": {"a b": "1"}}, {"labels": {"a b": "2"}}, {'labels["a b"]': "update"}),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, {"tags[0]": "update", "tags[1]": "update"}),
        ({"tags": ["a"]}, {"tags": ["a", "b"]}, {"tags[1]": "add"}),
        ({"parts": [{"name": "a"}, {"name": "b"}]}, {"parts": [{"name": "b"}, {"name": "a"}]}, {}),
        (
            {"parts": [{"name": "a", "size": 1}, {"name": "b"}]},
            {"parts": [{"name": "c"}, {"name": "a", "size": 2}]},
            {"parts[0]": "add", "parts[1].size": "update", "parts[1]": "delete"},
        ),
        (
            {"parts": [{"name": "a", "since": "2030-01-01T00:00:00Z"}]},
            {"parts": [{"name": "a", "since": "2030-01-01T00:00:00+00:00"}]},
            {},
        ),
        # Names that repeat tell nothing apart: then the place does.
        ({"parts": [{"name": "a"}, {"name": "a"}]}, {"parts": [{"name": "a"}]}, {"parts[1]": "delete"}),
    ],
)
def test_differences_are_by_meaning_and_name_their_paths(old: Any, new: Any, expected: dict[str, str]) -> None:
    assert paths(old, new) == expected


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_nothing_differs_from_itself(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(BODIES))
    bag = data.draw(bags(body))
    assert differences(body, bag, dict(bag)) == {}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_correction_is_made_once_and_touches_declared_inputs_alone(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(BODIES))
    prior, shown = data.draw(bags(body)), data.draw(bags(body))
    once = corrected(body, prior, shown)
    assert set(once) <= set(prior)
    assert differences(body, once, corrected(body, once, shown)) == {}


def test_words_show_values_but_no_credential() -> None:
    old = {"count": 2, "login": {"user": "a", "password": "hunter2"}, "labels": {"a": "1"}}
    new = {"count": 4, "login": {"user": "a", "password": "hunter3"}, "parts": [{"name": "secret-part"}]}
    words = [found.message() for where in differences(BoxCreate, old, new).values() for found in where]
    assert words == [
        "count is 2, declared 4",
        "parts is not what is declared",
        "labels is not what is declared",
        "login.password is not what is declared",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"count": 2}, {"count": 4}, {"count": "update"}),
        ({"place": "here"}, {"place": "there"}, {"place": "replace"}),
        ({"size_gib": 1}, {"size_gib": 2}, {"size_gib": "update"}),
        ({"size_gib": 2}, {"size_gib": 1}, {"size_gib": "refuse"}),
        ({"size_gib": 2}, {}, {"size_gib": "refuse"}),
        ({"term_days": 1}, {"term_days": 2}, {"term_days": "refuse"}),
        ({"ends": "2030-01-01T00:00:00Z"}, {}, {"ends": "refuse"}),
        ({"tests": True}, {"tests": False}, {"tests": "ignore"}),
        ({}, {"confirm_forfeit": True}, {}),
        # What replaces makes no refusal pointless: the person is told no, and nothing is lost by the way.
        (
            {"place": "here", "size_gib": 2},
            {"place": "there", "size_gib": 1},
            {"place": "replace", "size_gib": "refuse"},
        ),
    ],
)
def test_verdicts_follow_the_marks(old: Any, new: Any, expected: dict[str, str]) -> None:
    assert {verdict.field: verdict.action for verdict in verdicts(BOX, old, new)} == expected


def test_what_goes_with_a_replaced_resource_ends_the_reason_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BOX, "replacement_loss", lambda old: f"; {old['count']} boxes go with it")
    old, new = {"count": 2, "place": "here"}, {"count": 4, "place": "there"}
    assert {verdict.field: verdict.reason for verdict in verdicts(BOX, old, new)} == {
        "place": "place cannot change in place; 2 boxes go with it",
        "count": "changes in place",
    }


def test_an_update_sends_what_stands_for_removed_inputs() -> None:
    old = {"count": 2, "parts": [{"name": "a"}], "colour": "red"}
    assert changes(BOX, old, {"count": 4}) == {"count": 4, "parts": [], "colour": None}
    assert changes(BOX, old, dict(old)) == {}


@pytest.mark.parametrize("shown", [[False], [{"name": "a"}, {"name": "a"}], ["a"], [{}]])
def test_a_list_that_keys_cannot_tell_apart_is_corrected_as_a_whole(shown: list[Any]) -> None:
    assert corrected(BoxCreate, {"parts": []}, {"parts": shown}) == {"parts": shown}
    assert corrected(BoxCreate, {"parts": [{"name": "a"}]}, {"parts": shown}) == {"parts": shown}


def test_corrections_keep_the_program_s_words_and_order() -> None:
    prior = {
        "ends": "2030-01-01T01:00:00+01:00",
        "parts": [{"name": "b", "size": 1}, {"name": "gone"}, {"name": "a"}],
        "tests": True,
        "login": {"user": "u", "password": "p"},
        "__offered_name": "x",
    }
    shown = {
        "ends": "2030-01-01T00:00:00Z",
        "parts": [{"name": "a", "size": 9}, {"name": "b", "size": 2}, {"name": "not ours"}],
        "login": {"user": "v"},
        "colour": "red",
    }
    assert corrected(BoxCreate, prior, shown) == {
        "ends": "2030-01-01T01:00:00+01:00",
        "parts": [{"name": "b", "size": 2}, {"name": "a"}],
        "tests": True,
        "login": {"user": "v", "password": "p"},
        "__offered_name": "x",
    }


@pytest.mark.parametrize("life", [life for name in CLOUDS for life in lifecycles_of(name).values()])
def test_every_input_of_every_resource_has_a_verdict(life: Lifecycle[Any]) -> None:
    for name in life.create_body.model_fields:
        for verdict in verdicts(life, {name: "one"}, {name: "another"}):
            assert verdict.action in ("update", "replace", "ignore", "refuse")
            assert verdict.reason
            assert [where.path for where in verdict.differences] == [name]
