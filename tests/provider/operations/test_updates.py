"""Updates: what they send, what they wait for, and what is remembered of one whose answer was lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from gpufleet_provider.model.errors import CloudError, Conflict, Invalid, Unavailable
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.planning import plan
from gpufleet_provider.model.state_properties import ASKED, INPUTS, OFFERED_NAME, WAIT
from gpufleet_provider.waiting import wait

from tests.provider.toy import BOX, Desk

NAME = "box-12345678"
OURS: Properties = {"box_name": NAME, OFFERED_NAME: NAME, "place": "here", "count": 2}


@pytest.fixture
def desk() -> Any:
    made = Desk()
    yield made
    made.watcher.cancel_all("the test is over")


def made(desk: Desk, **inputs: Any) -> tuple[str, Properties]:
    """Make a box in a run of its own."""
    result = desk.create({**OURS, **inputs})
    desk.new_run()
    return result


def unanswered() -> CloudError:
    error = Unavailable("Toy: PUT got no answer")
    error.may_be_done = True
    return error


def losing(*verbs_and_errors: tuple[str, Exception]) -> Callable[[str], None]:
    """Raise each error at the next call of its verb."""
    left = list(verbs_and_errors)

    def hook(called: str) -> None:
        if left and called == left[0][0]:
            raise left.pop(0)[1]

    return hook


# --- An answer that was lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("then", [2, 8, 64])
def test_an_unanswered_update_is_remembered_shown_and_settled(desk: Desk, carried_out: bool, then: int) -> None:
    id, outputs = made(desk)
    lose = losing(("update", unanswered()))
    desk.cloud.after, desk.cloud.before = (lose, desk.cloud.before) if carried_out else (desk.cloud.after, lose)
    kept = desk.update(id, outputs, {**OURS, "count": 64})
    assert (kept["id"], kept[INPUTS]["count"], kept[WAIT]["state"]) == (id, 2, "pending")
    assert "got no answer" in kept[WAIT]["words"] and "`pulumi up` settles it" in kept[WAIT]["words"]

    desk.new_run()
    planned = desk.diff(id, kept, {**OURS, "count": then})
    assert (planned.changed, planned.replaces, planned.detailed["count"]) == (True, [], "update")
    now = desk.update(id, kept, {**OURS, "count": then})
    assert (desk.cloud.boxes[id]["count"], now[INPUTS], WAIT in now) == (then, {**OURS, "count": then}, False)
    assert not desk.diff(id, now, {**OURS, "count": then}).changed


def test_what_two_unanswered_updates_asked_for_is_remembered(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.after = losing(("update", unanswered()), ("update", unanswered()))
    for count in (4, 6):
        outputs = desk.update(id, outputs, {**OURS, "count": count})
    assert [asked["count"] for asked in outputs[INPUTS][ASKED]] == [4, 6]
    desk.cloud.boxes[id]["count"] = 4
    assert desk.update(id, outputs, OURS)["count"] == 2


def test_entries_of_a_list_are_settled_one_by_one(desk: Desk) -> None:
    old, new = [{"name": "a", "size": 1}], [{"name": "a", "size": 2}, {"name": "b", "size": 1}]
    id, outputs = made(desk, parts=old)
    desk.cloud.after = losing(("update", unanswered()))
    kept = desk.update(id, outputs, {**OURS, "parts": new, "login": {"user": "u"}})
    desk.update(id, kept, {**OURS, "parts": old})
    assert desk.cloud.sent("update")[-1]["parts"] == old


def test_a_refresh_settles_what_it_can_see(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.after = losing(("update", unanswered()))
    kept = desk.update(id, outputs, {**OURS, "count": 4, "colour": "red"})
    desk.new_run()
    found = desk.read(id, kept)
    assert found is not None and found[1] == {**OURS, "count": 4, "colour": "red"}
    assert WAIT not in found[0]
    desk.new_run()
    assert plan(BOX, found[0], OURS).detailed == {"count": "update", "colour": "delete"}


def test_a_refresh_settles_what_was_not_carried_out(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.before = losing(("update", unanswered()))
    kept = desk.update(id, outputs, {**OURS, "count": 4, "colour": "red"})
    found = desk.read(id, kept)
    assert found is not None and found[0][INPUTS] == {**OURS, ASKED: [{"count": 4, "colour": "red"}]}
    # That no colour is shown proves nothing: the next run sends what is declared then.
    assert desk.update(id, found[0], {**OURS, "colour": "red"})["colour"] == "red"


def test_a_mistake_of_ours_after_an_update_was_sent_loses_nothing(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.after = losing(("update", KeyError("cluster")))
    kept = desk.update(id, outputs, {**OURS, "count": 4})
    assert (kept["id"], kept[INPUTS]["count"], kept[WAIT]["state"]) == (id, 2, "pending")
    assert desk.update(id, kept, {**OURS, "count": 2})["count"] == 2


# --- While it is at work ----------------------------------------------------------------------------------------------


def unfinished(desk: Desk, **inputs: Any) -> tuple[str, Properties]:
    desk.cloud.lists_to_ready = 10**9
    desk.call(timeout_seconds=0.3)
    id, outputs = made(desk, **inputs)
    assert outputs[WAIT]["during"] == "create"
    desk.call()
    return id, outputs


def test_an_edit_of_what_is_still_made_is_sent_once_it_is_there(desk: Desk) -> None:
    id, outputs = unfinished(desk)
    desk.cloud.lists_to_ready = 0
    at_update: list[str] = []
    desk.cloud.before = lambda verb: at_update.append(desk.cloud.boxes[id]["status"]) if verb == "update" else None
    now = desk.update(id, outputs, {**OURS, "count": 4})
    assert (at_update, now["count"], now[INPUTS]["count"], WAIT in now) == (["ready"], 4, 4, False)


def test_an_edit_that_is_not_sent_is_still_a_change(desk: Desk) -> None:
    id, outputs = unfinished(desk)
    desk.call(timeout_seconds=0.3)
    kept = desk.update(id, outputs, {**OURS, "count": 4})
    assert (desk.cloud.sent("update"), kept[INPUTS]["count"], kept[WAIT]["during"]) == ([], 2, "create")
    assert desk.diff(id, kept, {**OURS, "count": 4}).detailed["count"] == "update"


def test_an_edit_may_be_what_a_create_is_stuck_on(desk: Desk) -> None:
    """The cloud has made six of eight; the program is content with six."""
    id, outputs = unfinished(desk, count=8)
    desk.cloud.boxes[id].update(status="ready", count=6)
    now = desk.update(id, outputs, {**OURS, "count": 6})
    assert (now[INPUTS]["count"], WAIT in now) == (6, False)


def test_a_change_that_is_refused_because_it_is_at_work_is_sent_when_it_is_not(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["status"] = "making"
    desk.cloud.lists_to_ready = 10**9
    lists = itertools.count()

    def busy(verb: str) -> None:
        if verb == "update" and desk.cloud.boxes[id]["status"] == "making":
            raise Conflict("Toy: busy")
        if verb == "list" and next(lists) == 3:
            desk.cloud.boxes[id]["status"] = "ready"

    desk.cloud.before = busy
    assert desk.update(id, outputs, {**OURS, "count": 4})["count"] == 4
    assert len(desk.cloud.sent("update")) == 2


def test_a_change_that_is_refused_for_another_reason_is_an_error(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.before = losing(("update", Conflict("Toy: no")), ("update", Invalid("Toy: never")))
    with pytest.raises(Conflict):
        desk.update(id, outputs, {**OURS, "count": 4})
    assert len(desk.cloud.sent("update")) == 1


# --- What an update waits for -----------------------------------------------------------------------------------------


def test_an_update_waits_for_what_it_changed_alone(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["count"] = 6
    now = desk.update(id, outputs, {**OURS, "colour": "red"})
    assert (now["colour"], now["count"], WAIT in now) == ("red", 6, False)


def test_a_wait_that_is_resumed_waits_for_what_was_changed_then(desk: Desk) -> None:
    id, outputs = made(desk)
    hold = [True]
    desk.cloud.after = lambda verb: desk.cloud.boxes[id].update(count=2) if verb == "update" and hold[0] else None
    desk.call(timeout_seconds=0.3)
    kept = desk.update(id, outputs, {**OURS, "count": 4})
    assert (kept[WAIT]["asked"], kept[WAIT]["during"]) == (["count"], "update")
    again = desk.update(id, kept, {**OURS, "count": 4})
    assert again[WAIT]["asked"] == ["count"]
    desk.cloud.boxes[id]["count"] = 4
    assert WAIT not in desk.update(id, again, {**OURS, "count": 4})


def test_what_alone_is_missing_becomes_a_warning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "MISSING_SECONDS", 0.2)
    desk.cloud.becomes = "unlabelled"
    id, outputs = desk.create(OURS)
    assert (outputs["status"], WAIT in outputs) == ("unlabelled", False)
    (said,) = desk.warned
    assert said == f"toy:Box {id} is ready, but its labels are not shown after 0 s; this run goes on"


# --- Health -----------------------------------------------------------------------------------------------------------


def test_what_is_paused_is_said_by_a_preview_and_an_update_that_change_nothing(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["status"] = "worn"
    assert not desk.diff(id, outputs, OURS).changed
    assert desk.warned == [f"toy:Box {id}: worn: it needs somebody"]
    desk.diff(id, outputs, OURS)
    assert len(desk.warned) == 1


def test_without_the_cloud_a_preview_says_what_was_read_last(desk: Desk) -> None:
    id, outputs = made(desk)

    def down(verb: str) -> None:
        raise Unavailable("Toy: no answer")

    desk.cloud.before = down
    desk.diff(id, {**outputs, "status": "paused"}, OURS)
    asked = len(desk.cloud.calls)
    desk.diff(id, outputs, OURS)
    assert desk.warned == [f"toy:Box {id}: paused: it needs somebody (when it was last read)"]
    assert len(desk.cloud.calls) == asked


def test_one_list_answers_for_a_whole_preview(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.diff(id, outputs, OURS)
    before = len(desk.cloud.sent("list"))
    for _ in range(20):
        desk.diff(id, outputs, OURS)
    assert len(desk.cloud.sent("list")) == before


def test_a_read_of_what_is_in_trouble_is_no_healthy_one(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["status"] = "paused"
    found = desk.read(id, outputs)
    assert found is not None
    assert (found[0][WAIT]["words"], found[0][WAIT]["state"]) == ("paused: it needs somebody", "pending")
    desk.new_run()
    assert desk.diff(id, found[0], OURS).detailed == {"status": "update"}
    held_up = desk.update(id, found[0], OURS)
    assert "no credits" in held_up[WAIT]["words"]
    desk.cloud.boxes[id]["status"] = "ready"
    assert WAIT not in desk.update(id, held_up, OURS)


def test_an_update_of_what_works_all_the_same_ends_and_says_so(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["status"] = "worn"
    found = desk.read(id, outputs)
    assert found is not None and WAIT in found[0]
    desk.new_run()
    desk.warned.clear()
    assert WAIT not in desk.update(id, found[0], OURS)
    assert desk.warned == [f"toy:Box {id}: worn: it needs somebody"]
