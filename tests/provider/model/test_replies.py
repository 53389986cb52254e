"""Replies as they come: what is missing, added, or of another type than the schema says."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from gpufleet_provider.model.errors import Ambiguous, Unavailable
from gpufleet_provider.model.fields import Info, Suggested
from gpufleet_provider.model.replies import fetch_object, fetch_rows, parse_info, post_create
from gpufleet_provider.shadeform.cluster import CLUSTER as SHADEFORM
from gpufleet_provider.together import CLOUD
from gpufleet_provider.together.cluster.lifecycle import CLUSTER as TOGETHER
from hypothesis import given, settings
from hypothesis import strategies as st


class Part(Info):
    """A nested object."""

    name: str
    size: int | None = None


class Whole(Info):
    """One of everything."""

    text: str
    number: int
    ratio: float
    truth: bool
    status: Annotated[str, Suggested(("on", "off"))]
    parts: list[Part]
    words: list[str]
    notes: dict[str, str]
    part: Part | None = None


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("number", 8, 8),
        ("number", 8.0, 8),
        ("number", "8", 8),
        ("number", "8.0", 8),
        ("number", 8.5, None),
        ("number", "eight", None),
        ("number", True, None),
        ("number", float("inf"), None),
        ("number", "9" * 5000, None),
        ("number", [8], None),
        ("number", 2**63, 2**63),
        ("number", 10**300, None),
        ("number", -(10**30), None),
        ("ratio", 8, 8.0),
        ("ratio", "0.5", 0.5),
        ("ratio", float("nan"), None),
        ("ratio", 10**400, None),
        ("ratio", False, None),
        ("text", 560, "560"),
        ("text", 12.6, "12.6"),
        ("text", True, None),
        ("text", "", ""),
        ("text", {}, None),
        ("truth", True, True),
        ("truth", "true", True),
        ("truth", "False", False),
        ("truth", 1, None),
        ("status", "brewing", "brewing"),
        ("words", ["a", 1, None, {}], ["a", "1"]),
        ("words", "a", None),
        ("words", {"a": 1}, None),
        ("notes", {"a": 1, "b": None, "c": []}, {"a": "1"}),
        ("notes", [], None),
        ("part", "x", None),
        ("part", None, None),
    ],
)
def test_values(field: str, sent: Any, kept: Any) -> None:
    found = getattr(parse_info(Whole, {field: sent}), field)
    assert found == kept
    assert type(found) is type(kept)


def test_what_is_missing_is_none_and_what_is_unknown_is_dropped() -> None:
    whole = parse_info(Whole, {"future": 1, "part": {"name": "a", "future": {"token": "x"}}})
    assert whole.model_dump(exclude_none=True, warnings=False) == {"part": {"name": "a"}}
    assert whole.number is None  # pyright: ignore[reportUnnecessaryComparison]


def test_entries_that_are_no_objects_are_dropped() -> None:
    parts = parse_info(Whole, {"parts": [{"name": "a"}, None, "b", {"size": "2"}, []]}).parts
    assert [(part.name, part.size) for part in parts] == [("a", None), (None, 2)]


@pytest.mark.parametrize("reply", [None, [], "x", 7, {}])
def test_whatever_comes_is_an_info(reply: Any) -> None:
    assert parse_info(Whole, reply).model_dump(exclude_none=True, warnings=False) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_reply_makes_anything_stumble(data: st.DataObject) -> None:
    """Every judgement survives every reply: a reply that cannot be understood must not cost an id."""
    for lifecycle in (TOGETHER, SHADEFORM):
        names = st.sampled_from(sorted(lifecycle.info_body.model_fields))
        nested = st.lists(
            st.dictionaries(st.sampled_from(["volume_name", "name", "node_id", "status"]), JSON), max_size=2
        )
        raw = data.draw(st.dictionaries(names, JSON | nested))
        info = parse_info(lifecycle.info_body, raw)
        assert lifecycle.readiness(info, {"num_gpus": 8, "num_instances": 2}).message
        lifecycle.observed(info)
        lifecycle.gone(info)
        lifecycle.live(info)
        outputs = lifecycle.outputs(info)
        list(lifecycle.attached_resources({"shared_volume": {"volume_name": "x"}}, outputs))
        lifecycle.ended({}, outputs)
        lifecycle.forfeits({}, outputs)
        again = lifecycle.outputs(parse_info(lifecycle.info_body, {**outputs, "kube_config": raw.get("kube_config")}))
        assert again == outputs


class Answer:
    """A client that has one answer to everything."""

    cloud = CLOUD

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def request(self, method: str, path: str, **_: Any) -> Any:
        return self.answer


def test_lists_and_objects() -> None:
    assert fetch_rows(Answer({"rows": [{"id": 1}, 2]}), "/rows", "rows") == [{"id": 1}]
    assert fetch_object(Answer({"id": "x"}), "/rows/x", "id") == {"id": "x"}
    with pytest.raises(Unavailable, match="Together: the answer holds no list of rows"):
        fetch_rows(Answer({}), "/rows", "rows")
    for answer in ([], {}, {"id": ""}):
        with pytest.raises(Unavailable, match="Together: the answer is not an object that has id"):
            fetch_object(Answer(answer), "/rows/x", "id")


@pytest.mark.parametrize(("answer", "id"), [({"id": "x"}, "x"), ({}, ""), ({"id": None}, ""), ({"id": 7}, "")])
def test_the_id_of_a_create_is_a_string_or_empty(answer: Any, id: str) -> None:
    assert post_create(Answer(answer), "/rows", {}, "id") == id


@pytest.mark.parametrize(
    ("reply", "id"),
    [
        ('{"id": "x-1", "broken": ', "x-1"),
        ('{"id": "x-1", "node": {"id" : "x-1"}, ', "x-1"),
        ('{"id": "x-1", "node": {"id": "x-2"}, ', None),
        ('{"id": 7, ', None),
        ("<html>", None),
        ("", None),
    ],
)
def test_the_one_id_of_a_reply_that_cannot_be_read_is_taken(reply: str, id: str | None) -> None:
    class Unreadable:
        cloud = CLOUD

        def request(self, method: str, path: str, **_: Any) -> Any:
            error = Ambiguous("POST /rows answered 200 with something that is not a JSON object")
            error.reply = reply
            raise error

    if id is not None:
        assert post_create(Unreadable(), "/rows", {}, "id") == id
    else:
        with pytest.raises(Ambiguous):
            post_create(Unreadable(), "/rows", {}, "id")
