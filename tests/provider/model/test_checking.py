"""Check: every reason at its path, unknowns set aside, inputs brought into one form."""

from __future__ import annotations

import types
import typing
from typing import Any

import pytest
from gpufleet_provider import CLOUDS
from gpufleet_provider.clouds import lifecycles_of
from gpufleet_provider.model.checking import check, normalised
from gpufleet_provider.model.fields import nested_body
from gpufleet_provider.model.state_properties import ENDED, OFFERED_NAME
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.provider.model.test_comparing import JSON, bags
from tests.provider.toy import BOX

LIFECYCLES = [BOX, *(life for name in CLOUDS for life in lifecycles_of(name).values())]
GOOD = {"place": "here", "count": 2.0, OFFERED_NAME: "box-12345678"}


class Unknown:
    """What a value is in a preview before it is known."""


def is_unknown(value: Any) -> bool:
    return isinstance(value, Unknown)


def failures(news: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, str]:
    checked = check(BOX, olds or {}, {**GOOD, **news}, is_unknown)
    return {failure.path: failure.reason for failure in checked.failures}


def test_good_inputs_come_back_as_the_body_has_them() -> None:
    checked = check(BOX, {}, {**GOOD, "weight": 3.0, "colour": None, "parts": [{"name": "a", "size": 4.0}]}, is_unknown)
    assert checked.failures == []
    assert checked.inputs == {
        "place": "here",
        "count": 2,
        "weight": 3,
        "parts": [{"name": "a", "size": 4}],
        "box_name": "box-12345678",
        OFFERED_NAME: "box-12345678",
    }
    assert type(checked.inputs["count"]) is int


@pytest.mark.parametrize(
    ("news", "path", "reason"),
    [
        ({"count": "2"}, "count", "expected a whole number, got '2' (a string); Config.require_int"),
        ({"count": 2.5}, "count", "expected a whole number, got 2.5"),
        ({"count": 3}, "count", "must be a multiple of 2, got 3"),
        ({"count": 0}, "count", "must be at least 1, got 0"),
        ({"place": None}, "place", "is required"),
        ({"box_name": ""}, "box_name", "must not be empty"),
        ({"mode": "ajar"}, "mode", "must be 'open' or 'closed', got 'ajar'"),
        ({"colr": "red"}, "colr", "unknown property; did you mean 'colour'?"),
        ({"parts": [{"name": "a"}, {"nam": "b"}]}, "parts[1].nam", "unknown property; did you mean 'name'?"),
        ({"parts": {"name": "a"}}, "parts", "expected a list, got an object"),
        ({"login": "root"}, "login", "expected an object, got 'root'"),
        ({"ends": "tomorrow"}, "ends", "expected an RFC 3339 time"),
        ({"mode": "closed", "colour": "red"}, "colour", "a closed box has no colour"),
        ({"parts": [{"name": n} for n in "abc"]}, "parts", "more parts than boxes"),
    ],
)
def test_each_reason_is_at_its_path(news: dict[str, Any], path: str, reason: str) -> None:
    assert reason in failures(news)[path]


def test_every_failure_is_reported_at_once() -> None:
    assert set(failures({"count": "x", "mode": "ajar", "parts": [{"size": 1}]})) == {"count", "mode", "parts[0].name"}


def test_a_rule_waits_for_what_it_reads() -> None:
    assert failures({"mode": Unknown(), "colour": "red"}) == {}
    assert failures({"parts": [{"name": Unknown()}, {"name": "b"}, {"name": "c"}]}) == {}
    assert list(failures({"mode": "ajar", "colour": "red"})) == ["mode"]


def test_unknown_values_are_set_aside_and_passed_on() -> None:
    unknown = Unknown()
    checked = check(BOX, {}, {**GOOD, "login": {"user": unknown, "pasword": "x"}, "count": unknown}, is_unknown)
    assert [failure.path for failure in checked.failures] == ["login.pasword"]
    assert checked.inputs["count"] is unknown
    assert checked.inputs["login"]["user"] is unknown


def test_no_credential_is_shown() -> None:
    (reason,) = failures({"login": {"user": "a", "password": 8237.5}}).values()
    assert "8237" not in reason


def test_an_open_enumeration_warns() -> None:
    checked = check(BOX, {}, {**GOOD, "colour": "redd"}, is_unknown)
    assert checked.failures == []
    assert [(warning.path, "'red'" in warning.reason) for warning in checked.warnings] == [("colour", True)]


def test_the_name_that_the_state_holds_stays() -> None:
    def name(olds: dict[str, Any], news: dict[str, Any]) -> str:
        return check(BOX, olds, news, is_unknown).inputs["box_name"]

    assert name({}, GOOD) == "box-12345678"
    assert name({"box_name": "mine"}, GOOD) == "mine"
    assert name({"box_name": "mine"}, {**GOOD, "box_name": "yours"}) == "yours"


def test_a_change_that_cannot_be_is_refused_where_it_is_made() -> None:
    olds = {"place": "here", "count": 2, "box_name": "b", "size_gib": 4, "tests": True}
    assert failures({"size_gib": 2}, olds) == {"size_gib": "make another box"}
    assert failures({"size_gib": Unknown()}, olds) == {}
    checked = check(BOX, olds, {**GOOD, "size_gib": 4, "tests": False}, is_unknown)
    assert (checked.failures, [w.path for w in checked.warnings]) == ([], ["tests"])


def test_an_ended_term_is_bought_again_only_with_a_new_one() -> None:
    olds = {"place": "here", "count": 2, "box_name": "b", "ends": "2020-01-01T00:00:00Z", ENDED: "2020-01-01T00:00:00Z"}
    assert "not bought again" in failures({"ends": "2020-01-01T00:00:00Z", "count": 4}, olds)["ends"]
    assert failures({"ends": "2100-01-01T00:00:00Z"}, olds) == {}


def shaped(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of the shape that an annotation asks for, and now and then anything, or nothing known, in their place."""
    inner, origin = nested_body(annotation), typing.get_origin(annotation)
    arguments = [argument for argument in typing.get_args(annotation) if argument is not type(None)]
    if origin is typing.Annotated or origin in (typing.Union, types.UnionType):
        return shaped(arguments[0])
    right: st.SearchStrategy[Any]
    if origin is list:
        right = st.lists(shaped(arguments[0]), max_size=3)
    elif inner is not None and origin is None:
        fields = {name: shaped(field.annotation) for name, field in inner.model_fields.items()}
        right = st.fixed_dictionaries({}, optional=fields)
    elif origin is typing.Literal:
        right = st.sampled_from(arguments)
    elif annotation is int:
        right = st.sampled_from([0, 1, 7, 8, 16, 64, 1_000_000]) | st.integers()
    elif annotation is str:
        right = st.sampled_from(["", "a", "2030-01-01T00:00:00Z", "2020-01-01T00:00:00+01:00"]) | st.text(max_size=5)
    else:
        right = st.booleans()
    return st.integers(0, 11).flatmap(lambda dice: [JSON, st.builds(Unknown), *[right] * 10][dice])


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_check_never_raises_and_changes_nothing_the_second_time(data: st.DataObject) -> None:
    lifecycle = data.draw(st.sampled_from(LIFECYCLES))
    fields = {name: shaped(field.annotation) for name, field in lifecycle.create_body.model_fields.items()}
    news = data.draw(st.fixed_dictionaries({}, optional=fields))
    olds = data.draw(st.just({}) | bags(lifecycle.create_body))
    checked = check(lifecycle, normalised(olds), news, is_unknown)
    again = check(lifecycle, normalised(olds), checked.inputs, is_unknown)
    assert again == checked


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_normalising_twice_changes_nothing(value: Any) -> None:
    assert normalised(normalised(value)) == normalised(value)
