"""The rules of a run, which follow from the calls that came before: the calls are made as each engine makes them."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.state_properties import INPUTS
from gpufleet_provider.operations.run_memory import RunMemory

from tests.provider.toy import FUTURE, Desk

INPUTS_NOW: dict[str, Any] = {"box_name": "b", "place": "here", "count": 2}
PREPAID: dict[str, Any] = {**INPUTS_NOW, "ends": FUTURE}


@pytest.fixture
def desk() -> Any:
    made = Desk()
    yield made
    made.watcher.cancel_all("the test is over")


def prepaid(desk: Desk, **more: Any) -> tuple[str, dict[str, Any]]:
    """A prepaid box of an earlier run, as the state holds it."""
    inputs = {**PREPAID, **more}
    id = desk.cloud.make(**inputs)
    return id, {"id": id, **inputs, INPUTS: inputs}


def test_a_refusal_stops_a_run_but_not_a_refresh(desk: Desk) -> None:
    id, olds = prepaid(desk)
    news = {**PREPAID, "place": "there"}
    with pytest.raises(Refusal, match="forfeits"):
        desk.diff(id, olds, news)
    # A refresh reads, and then compares the other way round to show what has drifted; a run checks in between.
    desk.read(id, olds)
    assert desk.diff(id, olds, news).replaces == ["place"]
    with pytest.raises(Refusal, match="forfeits"):
        desk.diff(id, olds, news)
    desk.read(id, olds)
    desk.check(PREPAID, news)
    with pytest.raises(Refusal, match="forfeits"):
        desk.diff(id, olds, news)


def test_the_engine_does_not_replace_what_is_prepaid_by_a_decision_of_its_own(desk: Desk) -> None:
    """`--replace` and a taint: a check as of a new resource and no diff, then the delete."""
    id, olds = prepaid(desk)
    desk.check({}, PREPAID)
    with pytest.raises(Refusal, match="forfeits a term until"):
        desk.delete(id, olds)
    assert desk.cloud.sent("delete") == []
    desk.check({}, {**PREPAID, "confirm_forfeit": True})
    desk.delete(id, olds)
    assert desk.cloud.boxes == {}


def test_the_engine_does_not_replace_what_holds_data_by_a_decision_of_its_own(desk: Desk) -> None:
    inputs = {**INPUTS_NOW, "size_gib": 2}
    id = desk.cloud.make(**inputs)
    olds = {"id": id, **inputs, INPUTS: inputs}
    desk.check({}, inputs)
    with pytest.raises(Refusal, match=r"what is in the box goes with it; .*confirm_data_loss=True"):
        desk.delete(id, olds)
    # `replace_on_changes`: the check as of a new resource says it in the preview.
    desk.diff(id, olds, {**inputs, "count": 4})
    (failure,) = desk.check({}, {**inputs, "count": 4}).failures
    assert failure.path == "confirm_data_loss"
    desk.check({}, {**inputs, "confirm_data_loss": True})
    desk.delete(id, olds)
    assert desk.cloud.boxes == {}


def test_what_is_only_destroyed_needs_no_word(desk: Desk) -> None:
    id, olds = prepaid(desk)
    desk.check(PREPAID, PREPAID)
    desk.delete(id, olds)
    assert desk.cloud.boxes == {}


def test_what_was_replaced_create_first_is_deleted_afterwards(desk: Desk) -> None:
    """The new term is bought by then: to keep the old cluster as well would be paid twice."""
    id, olds = prepaid(desk)
    desk.check({}, {**PREPAID, "box_name": "another"})
    desk.create({**PREPAID, "box_name": "another"})
    desk.delete(id, olds)
    assert id not in desk.cloud.boxes


def test_a_replacement_against_the_diff_is_refused_while_it_is_checked(desk: Desk) -> None:
    """`replace_on_changes`: the diff finds an update, and what follows is a check as of a new resource."""
    id, olds = prepaid(desk)
    news = {**PREPAID, "count": 4}
    assert desk.check(PREPAID, news).failures == []
    assert desk.diff(id, olds, news).replaces == []
    (failure,) = desk.check({}, news).failures
    assert failure.path == "confirm_forfeit" and "forfeits a term until" in failure.reason
    assert desk.check({}, {**news, "confirm_forfeit": True}).failures == []


def test_what_another_resource_has_taken_over_is_not_compared(desk: Desk) -> None:
    memory = desk.service.memory
    memory.record_adopted("box-1")
    with pytest.raises(Refusal, match="another resource of this run has taken it over"):
        desk.diff("box-1", {"id": "box-1", **INPUTS_NOW, INPUTS: INPUTS_NOW}, INPUTS_NOW)
    assert not memory.knows("box-1")


def test_without_urns_nothing_is_taken_for_the_same_resource() -> None:
    """The stock server tells no URN: what two calls without one have met may be two resources."""
    memory = RunMemory("toy:Box")
    assert memory.record_check("", INPUTS_NOW, is_new=True) is None
    memory.record_plan("", "a term")
    assert memory.record_check("", INPUTS_NOW, is_new=True) is None
    assert memory.record_delete("") is None
    memory.remember("box-1", "")
    assert not memory.knows_resource("") and not memory.is_replaced("box-1", "")


def test_of_two_imports_of_one_id_one_comes_too_late() -> None:
    memory = RunMemory("toy:Box")
    assert memory.claim_import("box-1", "urn:a")
    assert not memory.claim_import("box-1", "urn:b")
    assert memory.holder("box-1") == "urn:a" and memory.is_adopted("box-1")


def test_a_name_belongs_to_the_first_in_its_account() -> None:
    memory = RunMemory("toy:Box")
    assert memory.claim_name(("account", "b", "here"), "urn:a") == "urn:a"
    assert memory.claim_name(("account", "b", "here"), "urn:b") == "urn:a"
    assert memory.claim_name(("another", "b", "here"), "urn:b") == "urn:b"
