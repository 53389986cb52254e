"""Two states of one stack: neither takes over what the other has made, unless it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gpufleet_provider.model.errors import MissingKey, Refusal
from gpufleet_provider.model.state_properties import CREATE_FIRST, INPUTS, OFFERED_NAME, STATE
from gpufleet_provider.operations import run_memory
from gpufleet_provider.operations.service import ResourceService

from tests.provider.toy import BOX, Desk

OFFERED = "box-12345678"
OURS, THEIRS = f"{OFFERED}-aaaaaaaa", f"{OFFERED}-bbbbbbbb"
DECLARED = {OFFERED_NAME: OFFERED, STATE: "aaaaaaaa", "place": "here", "count": 2}
TAKE_OVER = {"gpufleet:takeOver": "true"}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(run_memory, "QUIET_SECONDS", 0.0)
    made = Desk()
    yield made
    made.watcher.cancel_all("the test is over")


def up(desk: Desk, declared: dict[str, Any] = DECLARED) -> tuple[str, dict[str, Any]]:
    """Check and create, as an engine does; the check must not fail."""
    checked = desk.check({}, declared)
    assert checked.failures == []
    return desk.create(checked.inputs)


def test_a_state_finds_what_its_own_interrupted_run_has_left(desk: Desk) -> None:
    desk.cloud.make(box_name=OURS, place="here", count=2)
    id, outputs = up(desk)
    assert (id, outputs[INPUTS]["box_name"], desk.cloud.sent("create")) == ("box-1", OURS, [])


@pytest.mark.parametrize("name", [THEIRS, OFFERED])
def test_what_another_state_has_made_is_named_and_left_alone(desk: Desk, name: str) -> None:
    desk.cloud.make(box_name=name, place="there", count=2)
    with pytest.raises(Refusal, match=rf"has made box-1 \({name}\); nothing was created or taken over") as refused:
        up(desk)
    assert "another stack name" in str(refused.value) and "pulumi config set gpufleet:takeOver true" in str(
        refused.value
    )
    assert ("older version" in str(refused.value)) is (name == OFFERED)
    assert (desk.cloud.sent("create"), [*desk.cloud.boxes]) == ([], ["box-1"])


def test_what_is_being_deleted_or_of_another_resource_is_nobodys_business(desk: Desk) -> None:
    gone = desk.cloud.make(box_name=THEIRS, place="here", count=2)
    desk.cloud.boxes[gone]["status"] = "deleting"
    desk.cloud.make(box_name="box-87654321-bbbbbbbb", place="here", count=2)
    assert up(desk)[0] == "box-3"


def test_what_this_state_holds_under_an_older_name_is_its_own(desk: Desk) -> None:
    """A replacement has a new name; what it replaces may have one that an older version made."""
    old = desk.cloud.make(box_name=OFFERED, place="here", count=2)
    desk.remember(old)
    id, outputs = up(desk, {**DECLARED, "place": "there", CREATE_FIRST: True})
    assert (id, outputs[INPUTS]["box_name"]) == ("box-2", OURS)


def test_a_replacement_is_created_beside_what_another_state_has_made(desk: Desk) -> None:
    """What it replaces is deleted already."""
    id, outputs = up(desk)
    desk.cloud.make(box_name=THEIRS, place="here", count=2)
    desk.delete(id, outputs)
    assert up(desk)[0] == "box-3"
    assert "another state of this stack has made box-2" in desk.warned[-1]


def test_an_older_name_stays(desk: Desk) -> None:
    olds = {**DECLARED, "box_name": OFFERED}
    assert desk.check(olds, DECLARED).inputs["box_name"] == OFFERED


@pytest.mark.parametrize("name", [THEIRS, OFFERED])
def test_one_setting_takes_over_what_a_lost_state_has_made(desk: Desk, name: str) -> None:
    desk.cloud.make(box_name=name, place="here", count=2)
    desk.call(setting=TAKE_OVER.get)
    id, outputs = up(desk)
    assert (id, outputs[INPUTS]["box_name"], desk.cloud.sent("create")) == ("box-1", name, [])
    assert desk.warned == ["toy:Box: taking over box-1, as gpufleet:takeOver asks"]
    # Without the setting it is this state's from then on.
    desk.new_run()
    desk.call()
    inputs = desk.check(outputs[INPUTS], DECLARED).inputs
    assert not desk.diff(id, outputs, inputs).changed
    desk.delete(id, outputs)
    assert desk.cloud.boxes == {}


def test_it_takes_over_what_has_a_given_name_as_well(desk: Desk) -> None:
    desk.cloud.make(box_name="mine", place="here", count=2)
    given = {"box_name": "mine", "place": "here", "count": 2}
    with pytest.raises(Refusal, match="may belong to somebody"):
        up(desk, given)
    desk.call(setting=TAKE_OVER.get)
    assert up(desk, given)[0] == "box-1"


def test_its_own_comes_first_and_of_several_none_is_chosen(desk: Desk) -> None:
    desk.call(setting=TAKE_OVER.get)
    for name in (THEIRS, f"{OFFERED}-cccccccc"):
        desk.cloud.make(box_name=name, place="here", count=2)
    with pytest.raises(Refusal, match=r"has made box-1 .*, box-2 "):
        up(desk)
    desk.cloud.make(box_name=OURS, place="here", count=2)
    assert up(desk)[0] == "box-3"


def test_a_preview_without_a_key_takes_nothing_over(desk: Desk) -> None:
    def connect(_setting: object) -> Any:
        raise MissingKey("Toy: no key")

    checked = ResourceService(BOX, connect).check(desk.call(setting=TAKE_OVER.get), {}, DECLARED)
    assert (checked.failures, checked.inputs["box_name"]) == ([], OURS)


def test_a_setting_that_says_neither_is_refused(desk: Desk) -> None:
    desk.call(setting={"gpufleet:takeOver": "yes"}.get)
    (failure,) = desk.check({}, DECLARED).failures
    assert failure.reason == "gpufleet:takeOver must be true or false, got 'yes'"
