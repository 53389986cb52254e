"""The life of a box: nothing is lost, nothing is made twice, and a fault never reads as gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.errors import (
    Ambiguous,
    CloudError,
    Conflict,
    Forbidden,
    Invalid,
    MissingKey,
    NotFound,
    OutOfCapacity,
    RateLimited,
    Refusal,
    Stopped,
    Unavailable,
)
from gpufleet_provider.model.state_properties import ACCOUNT, CREATE_FIRST, ENDED, IMPORT_ID, INPUTS, OFFERED_NAME, WAIT
from gpufleet_provider.operations import awaiting, run_memory
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.service import ResourceService
from gpufleet_provider.waiting import wait

from tests.provider.toy import BOX, FUTURE, PAST, Desk

NAME = "box-12345678"
OURS = {"box_name": NAME, OFFERED_NAME: NAME, "place": "here", "count": 2}
GIVEN = {"box_name": "mine", "place": "here", "count": 2}


@pytest.fixture
def desk() -> Any:
    made = Desk()
    yield made
    made.watcher.cancel_all("the test is over")


def fail_once(error: Exception, verb: str) -> Callable[[str], None]:
    """Raise an error at the first call of a verb."""
    errors = [error]

    def hook(called: str) -> None:
        if called == verb and errors:
            raise errors.pop()

    return hook


# --- Create ---------------------------------------------------------------------------------------------------------


def test_a_box_is_looked_for_posted_once_and_waited_for(desk: Desk) -> None:
    id, outputs = desk.create({**OURS, "confirm_forfeit": True})
    assert desk.cloud.calls[0][0] == "list"
    assert desk.cloud.sent("create") == [{"box_name": NAME, "place": "here", "count": 2}]
    assert (id, outputs["status"], outputs[INPUTS]) == ("box-1", "ready", {**OURS, "confirm_forfeit": True})
    assert WAIT not in outputs
    assert [line.split(" · ")[0] for line in desk.shown] == ["making"]


def test_nothing_is_posted_when_the_list_cannot_be_read(desk: Desk) -> None:
    desk.cloud.before = fail_once(Unavailable("Toy: no answer"), "list")
    with pytest.raises(Unavailable):
        desk.create(OURS)
    assert desk.cloud.sent("create") == []


def test_what_an_interrupted_run_left_is_taken_over(desk: Desk) -> None:
    desk.cloud.make(box_name=NAME, place="here", count=2)
    id, outputs = desk.create(OURS)
    assert (id, outputs["status"], desk.cloud.sent("create")) == ("box-1", "ready", [])
    assert "taking over box-1" in desk.warned[0]


def test_what_was_left_is_ready_before_it_is_brought_to_what_is_declared_now(desk: Desk) -> None:
    desk.cloud.make(box_name=NAME, place="here", count=2)

    def statuses(verb: str) -> None:
        assert verb != "update" or desk.cloud.boxes["box-1"]["status"] == "ready"

    desk.cloud.before = statuses
    _, outputs = desk.create({**OURS, "count": 4})
    assert desk.cloud.sent("update") == [{"count": 4}]
    assert (outputs["count"], outputs[INPUTS]["count"]) == (4, 4)


def test_a_taken_over_box_whose_update_fails_keeps_its_id_and_is_updated_next_time(desk: Desk) -> None:
    desk.cloud.make(box_name=NAME, place="here", count=2)
    desk.cloud.before = fail_once(Conflict("Toy: busy"), "update")
    id, outputs = desk.create({**OURS, "count": 4})
    assert (id, outputs[INPUTS]["count"], outputs[WAIT]["state"]) == ("box-1", 2, "pending")
    assert "Toy: busy" in outputs[WAIT]["words"]
    assert desk.update(id, outputs, {**OURS, "count": 4})["count"] == 4


def test_what_was_left_and_cannot_become_what_is_declared_is_refused(desk: Desk) -> None:
    desk.cloud.make(box_name=NAME, place="there", count=2)
    with pytest.raises(Refusal, match="box-1 is left from an interrupted run, but place is 'there', declared 'here'"):
        desk.create(OURS)
    assert desk.cloud.sent("create") == []


def test_two_boxes_with_our_name_are_listed_and_nothing_is_made(desk: Desk) -> None:
    for _ in range(2):
        desk.cloud.make(box_name=NAME, place="here", count=2)
    with pytest.raises(Refusal, match=r"2 live resources have that name \(box-1, box-2\)"):
        desk.create(OURS)
    assert desk.cloud.sent("create") == []


def test_a_box_that_is_being_deleted_is_not_taken_over(desk: Desk) -> None:
    gone = desk.cloud.make(box_name=NAME, place="here", count=2)
    desk.cloud.boxes[gone]["status"] = "deleting"
    assert desk.create(OURS)[0] == "box-2"


def test_a_name_that_the_user_gave_is_no_mark_of_ownership(desk: Desk) -> None:
    desk.cloud.make(box_name="mine", place="here", count=2)
    with pytest.raises(Refusal, match=r'take it over with ResourceOptions\(import_="box-1"\)'):
        desk.create(GIVEN)
    assert desk.create({**GIVEN, "place": "there"})[0] == "box-2"


def test_an_id_that_the_state_holds_is_never_taken_over(desk: Desk) -> None:
    old = desk.cloud.make(box_name=NAME, place="here", count=2)
    desk.remember(old)
    assert desk.create(OURS)[0] == "box-2"
    # Create-first, interrupted: the next run knows the old one, and finds the new one.
    desk.new_run()
    desk.remember(old)
    assert desk.create(OURS)[0] == "box-2"
    assert len(desk.cloud.sent("create")) == 1


def test_what_another_resource_of_the_stack_holds_is_not_taken_over(desk: Desk) -> None:
    """A renamed resource keeps its physical name, which is then offered to a new one of the old name."""
    old = desk.cloud.make(box_name=NAME, place="here", count=2)
    desk.service.memory.known_ids[old] = "urn:pulumi:dev::fleet::toy:Box::renamed"
    with pytest.raises(Refusal, match=r"box-1 runs under that name already, as 'renamed' of this stack; nothing was"):
        desk.create(OURS)
    assert desk.cloud.sent("create") == []


def test_what_the_run_meets_a_little_later_is_not_taken_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = desk.service.memory
    old = desk.cloud.make(box_name=NAME, place="here", count=2)
    memory.last_seen_at = time.monotonic()

    def meet() -> None:
        memory.remember(old, "urn:pulumi:dev::fleet::toy:Box::renamed")
        memory.last_seen_at = float("-inf")

    monkeypatch.setattr(desk.watcher, "pause", meet)
    with pytest.raises(Refusal, match="as 'renamed' of this stack"):
        desk.create(OURS)


def test_what_was_taken_over_is_not_deleted_for_its_former_holder(desk: Desk) -> None:
    left = desk.cloud.make(box_name=NAME, place="here", count=2)
    id, outputs = desk.create(OURS)
    desk.call("urn:pulumi:dev::fleet::toy:Box::former")
    desk.delete(left, outputs)
    assert id == left and desk.cloud.sent("delete") == []
    assert "another resource of this run has taken it over" in desk.warned[-1]


def test_a_create_first_replacement_without_a_diff_takes_nothing_over(desk: Desk) -> None:
    desk.cloud.make(box_name=NAME, place="here", count=2)
    with pytest.raises(Refusal, match="Remove delete_before_replace=False"):
        desk.create({**OURS, CREATE_FIRST: True})
    desk.remember("box-0")
    assert desk.create({**OURS, CREATE_FIRST: True})[0] == "box-1"


def test_two_of_one_program_do_not_create_under_one_name(desk: Desk) -> None:
    assert desk.create(GIVEN)[0] == "box-1"
    # Where two look at the very same moment, neither sees the other's.
    hidden = desk.cloud.boxes.pop("box-1")
    desk.call("urn:pulumi:dev::fleet::toy:Box::other")
    with pytest.raises(Refusal, match="of this program has that name, too; nothing was created"):
        desk.create(GIVEN)
    desk.cloud.boxes["box-1"] = hidden
    assert desk.create({**GIVEN, "place": "there"})[0] == "box-2"
    assert len(desk.cloud.sent("create")) == 2


def test_a_name_can_be_created_under_again_by_whoever_holds_it(desk: Desk) -> None:
    first, outputs = desk.create(GIVEN)
    desk.delete(first, outputs)
    assert desk.create(GIVEN)[0] != first


# --- A create of a killed run that is carried out, or shown, too late ------------------------------------------------


def landing_late(desk: Desk) -> Callable[[str], None]:
    """Let what a killed run has posted appear once the next run has posted as well."""
    waiting = [None]

    def hook(verb: str) -> None:
        if verb == "create" and waiting:
            waiting.pop()
            desk.cloud.make(box_name=NAME, place="here", count=2)

    return hook


def test_a_duplicate_that_shows_while_its_own_is_waited_for_is_said(desk: Desk) -> None:
    desk.cloud.after = landing_late(desk)
    id, outputs = desk.create(OURS)
    assert WAIT not in outputs
    (said,) = desk.warned
    (duplicate,) = desk.cloud.boxes.keys() - {id}
    assert said.startswith(f"toy:Box {duplicate} runs as '{NAME}' beside {id}, and costs money")
    assert "gpufleet orphans" in said


def test_a_duplicate_is_said_by_every_read_and_by_the_delete(desk: Desk) -> None:
    id, outputs = made(desk)
    duplicate = desk.cloud.make(box_name=NAME, place="here", count=2)
    assert desk.read(id, outputs) is not None
    desk.new_run()
    desk.delete(id, outputs)
    assert [duplicate in said for said in desk.warned] == [True, True]
    assert desk.cloud.boxes.keys() == {duplicate}


def test_what_the_state_holds_or_is_being_deleted_is_no_duplicate(desk: Desk) -> None:
    id, outputs = made(desk)
    held, going = (desk.cloud.make(box_name=NAME, place="here", count=2) for _ in range(2))
    desk.remember(held)
    desk.cloud.boxes[going]["status"] = "deleting"
    desk.read(id, outputs)
    assert desk.warned == []


def test_a_name_that_the_user_gave_has_no_duplicates(desk: Desk) -> None:
    id, outputs = desk.create(GIVEN)
    desk.cloud.make(**GIVEN)
    desk.new_run()
    desk.read(id, outputs)
    assert desk.warned == []


# --- The answer to a create ----------------------------------------------------------------------------------------


def test_a_lost_answer_is_made_up_for_by_the_list(desk: Desk) -> None:
    desk.cloud.after = fail_once(Ambiguous("Toy: POST got no answer"), "create")
    assert desk.create(OURS)[0] == "box-1"
    assert len(desk.cloud.sent("create")) == 1


def test_a_box_that_shows_late_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lists = desk.cloud.list, [0]

    def late() -> list[dict[str, Any]]:
        lists[0] += 1
        return real() if lists[0] > 4 else []

    monkeypatch.setattr(desk.cloud, "list", late)
    desk.cloud.after = fail_once(Ambiguous("Toy: POST got no answer"), "create")
    assert desk.create(OURS)[0] == "box-1"


def test_a_create_that_never_happened_says_what_may_be(desk: Desk) -> None:
    desk.cloud.before = fail_once(Ambiguous("Toy: POST got no answer"), "create")
    with pytest.raises(Refusal, match=r"Toy: POST got no answer; no resource named 'box-12345678' has appeared"):
        desk.create(OURS)
    assert len(desk.cloud.sent("create")) == 1


def test_an_empty_list_is_not_believed_at_once(desk: Desk) -> None:
    living = desk.cloud.make(box_name=OURS["box_name"], place=OURS["place"], count=OURS["count"])
    whole, answers = desk.cloud.list, iter([[]])
    desk.cloud.list = lambda: next(answers, None) or whole()
    assert desk.create(OURS)[0] == living
    assert "create" not in [verb for verb, _ in desk.cloud.calls]


def test_a_list_that_fails_is_read_again_before_anything_is_said(desk: Desk) -> None:
    desk.cloud.after = fail_once(Ambiguous("Toy: POST got no answer"), "create")
    failures = iter([None, None, Unavailable("Toy: 503"), Unavailable("Toy: 503")])

    def faulty(verb: str) -> None:
        if verb == "list" and (error := next(failures, None)) is not None:
            raise error

    desk.cloud.before = faulty
    assert desk.create(OURS)[0] == "box-1"


def cancelled_in_a_create(desk: Desk) -> None:
    """Let the run be cancelled while a create is sent, whose answer is lost."""

    def cancel(verb: str) -> None:
        if verb == "create":
            desk.watcher.cancel_all("the run was cancelled")
            raise Ambiguous("Toy: POST got no answer")

    desk.cloud.after = cancel


def test_a_lost_answer_is_looked_for_once_more_when_the_run_is_cancelled(desk: Desk) -> None:
    cancelled_in_a_create(desk)
    id, outputs = desk.create(OURS)
    assert (id, outputs[WAIT]["state"]) == ("box-1", "pending")


@pytest.mark.parametrize("answer", ["", None])
def test_an_answer_without_an_id_is_made_up_for(desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    real = desk.cloud.create
    monkeypatch.setattr(desk.cloud, "create", lambda inputs: (real(inputs), answer)[1])
    assert desk.create(OURS)[0] == "box-1"


def test_an_answer_that_nobody_expected_is_made_up_for(desk: Desk) -> None:
    desk.cloud.after = fail_once(KeyError("cluster"), "create")
    assert desk.create(OURS)[0] == "box-1"


@pytest.mark.parametrize("error", [Invalid("Toy: no"), Stopped("Toy: the run was cancelled")])
def test_a_definite_refusal_is_passed_on(desk: Desk, error: CloudError) -> None:
    desk.cloud.before = fail_once(error, "create")
    with pytest.raises(type(error)):
        desk.create(OURS)
    assert desk.cloud.boxes == {}


# --- Names as the cloud spells them ---------------------------------------------------------------------------------


RESPELLED = {"box_name": "My_Batch", "place": "Here_1", "count": 2}


@pytest.fixture
def respelling(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A cloud that shows names and places in lower case and with dashes."""
    real = desk.cloud.make

    def make(**shown: Any) -> str:
        for name in ("box_name", "place"):
            shown[name] = shown[name].lower().replace("_", "-")
        return real(**shown)

    monkeypatch.setattr(desk.cloud, "make", make)
    return desk


@pytest.mark.parametrize("offered", [{}, {OFFERED_NAME: "My_Batch"}], ids=["given", "offered"])
def test_a_lost_answer_is_made_up_for_under_a_respelled_name(respelling: Desk, offered: Any) -> None:
    respelling.cloud.after = fail_once(Ambiguous("Toy: POST got no answer"), "create")
    id, outputs = respelling.create({**RESPELLED, **offered})
    assert (id, outputs["box_name"], outputs[INPUTS]["box_name"]) == ("box-1", "my-batch", "My_Batch")


def test_what_was_left_under_a_respelled_name_is_taken_over_as_declared(respelling: Desk) -> None:
    desk, inputs = respelling, {**RESPELLED, OFFERED_NAME: "My_Batch"}
    desk.cloud.make(**RESPELLED)
    desk.cloud.becomes = "paused"
    id, outputs = desk.create(inputs)
    assert (id, desk.cloud.sent("create"), outputs[INPUTS]) == ("box-1", [], inputs)
    desk.new_run()
    assert desk.diff(id, outputs, inputs).replaces == []


def test_what_runs_under_a_respelling_of_a_given_name_is_not_doubled(respelling: Desk) -> None:
    respelling.cloud.make(**RESPELLED)
    with pytest.raises(Refusal, match=r'take it over with ResourceOptions\(import_="box-1"\)'):
        respelling.create(RESPELLED)
    assert respelling.create({**RESPELLED, "place": "there"})[0] == "box-2"


def test_the_very_name_comes_before_a_respelling_of_it(desk: Desk) -> None:
    desk.cloud.make(box_name=NAME.upper(), place="here", count=2)
    ours = desk.cloud.make(box_name=NAME, place="here", count=2)
    assert desk.create(OURS)[0] == ours


def test_two_spellings_of_one_name_are_not_created_at_once(desk: Desk) -> None:
    desk.create(GIVEN)
    desk.cloud.boxes.clear()
    desk.call("urn:pulumi:dev::fleet::toy:Box::other")
    with pytest.raises(Refusal, match="of this program has that name, too"):
        desk.create({**GIVEN, "box_name": "Mine"})


def test_a_takeover_gives_up_nothing_that_is_prepaid(desk: Desk) -> None:
    desk.cloud.make(box_name=NAME, place="here", count=4, ends=FUTURE)
    news = {**OURS, "ends": FUTURE}
    with pytest.raises(Refusal, match=r"would forfeit boxes, in a term .* set confirm_forfeit=True"):
        desk.create(news)
    desk.create({**news, "confirm_forfeit": True})
    assert desk.cloud.sent("update") == [{"count": 2}]


# --- A part of the account ------------------------------------------------------------------------------------------


@pytest.fixture
def divided(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A cloud whose list shows what is `here` alone; the other places have to be asked for."""

    def rows(place: str) -> list[dict[str, Any]]:
        return [box for box in desk.cloud.list() if box["place"] == place]

    monkeypatch.setattr(type(BOX), "scope_field", "place")
    monkeypatch.setattr(type(BOX), "list_all", lambda self, client: rows("here"))
    monkeypatch.setattr(type(BOX), "list_scope", lambda self, client, scope: rows(scope))
    return desk


def test_what_was_left_in_another_part_of_the_account_is_taken_over(divided: Desk) -> None:
    divided.cloud.make(**{**OURS, "place": "there"})
    assert divided.create({**OURS, "place": "there"})[0] == "box-1"
    assert divided.cloud.sent("create") == []


def test_the_last_look_of_a_cancelled_run_sees_another_part_of_the_account_too(divided: Desk) -> None:
    cancelled_in_a_create(divided)
    id, outputs = divided.create({**OURS, "place": "there"})
    assert (id, outputs[WAIT]["state"]) == ("box-1", "pending")


def test_a_lost_answer_is_made_up_for_in_another_part_of_the_account(divided: Desk) -> None:
    divided.cloud.after = fail_once(Ambiguous("Toy: POST got no answer"), "create")
    assert divided.create({**OURS, "place": "there"})[0] == "box-1"
    assert divided.cloud.sent("get") == []


@pytest.mark.parametrize("refusal", [Forbidden("Toy: 403"), NotFound("Toy: 404"), Invalid("Toy: 400")])
def test_a_part_that_may_not_be_seen_hides_no_other(
    divided: Desk, monkeypatch: pytest.MonkeyPatch, refusal: CloudError
) -> None:
    def refuse(*_: Any) -> Any:
        raise refusal

    monkeypatch.setattr(type(BOX), "list_scope", refuse)
    assert divided.create(OURS)[1]["status"] == "ready"


# --- From the id on, nothing raises --------------------------------------------------------------------------------


def test_what_fails_while_it_is_made_keeps_its_id(desk: Desk) -> None:
    desk.cloud.becomes = "failed"
    id, outputs = desk.create(OURS)
    assert (id, outputs["status"], outputs[INPUTS]) == ("box-1", "failed", OURS)
    assert (outputs[WAIT]["state"], outputs[WAIT]["during"]) == ("failed", "create")
    assert "the box is broken" in outputs[WAIT]["words"]


def test_what_is_held_up_is_kept_and_not_replaced(desk: Desk) -> None:
    desk.cloud.becomes = "paused"
    assert desk.create(OURS)[1][WAIT]["state"] == "pending"


def test_time_that_is_up_keeps_the_id(desk: Desk) -> None:
    desk.cloud.lists_to_ready = 10**9
    desk.call(timeout_seconds=3)  # long enough to be shown once, on a busy machine as well
    id, outputs = desk.create(OURS)
    assert (id, outputs[WAIT]["state"]) == ("box-1", "pending")
    assert "making" in outputs[WAIT]["words"] and "`pulumi up` resumes" in outputs[WAIT]["words"]


def test_a_cancelled_wait_keeps_the_id_even_when_nothing_was_seen(desk: Desk) -> None:
    desk.cloud.after = lambda verb: desk.watcher.cancel_all("Ctrl-C") if verb == "create" else None
    id, outputs = desk.create(OURS)
    assert (id, outputs["id"], outputs[INPUTS]) == ("box-1", "box-1", OURS)
    assert (outputs[WAIT]["state"], "Ctrl-C" in outputs[WAIT]["words"]) == ("pending", True)


def unseen(desk: Desk) -> tuple[str, dict[str, Any]]:
    """A box whose create was cancelled before the cloud has shown it, and that it does not show yet."""
    desk.cloud.after = lambda verb: desk.watcher.cancel_all("Ctrl-C") if verb == "create" else None
    id, outputs = desk.create(OURS)
    desk.cloud.after = lambda verb: None
    desk.new_run()
    desk.hidden = {id: desk.cloud.boxes.pop(id)}
    return id, outputs


def test_what_is_not_shown_yet_is_not_gone(desk: Desk) -> None:
    id, outputs = unseen(desk)
    found = desk.read(id, outputs)
    assert found == (outputs, OURS)
    assert "does not show it yet" in desk.warned[0]
    desk.cloud.boxes.update(desk.hidden)
    desk.new_run()
    assert desk.update(id, outputs, OURS)["status"] == "ready"


def test_what_is_not_shown_yet_is_deleted_as_soon_as_it_is(desk: Desk) -> None:
    id, outputs = unseen(desk)
    asked: list[str] = []

    def show(verb: str) -> None:
        asked.append(verb)
        if verb == "delete" and asked.count("delete") == 3:
            desk.cloud.boxes.update(desk.hidden)

    desk.cloud.before = show
    desk.delete(id, outputs)
    assert asked.count("delete") == 3 and desk.cloud.boxes == {}
    assert any("does not show it yet" in line for line in desk.shown)


def test_what_is_never_shown_is_gone_in_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, outputs = unseen(desk)
    monkeypatch.setattr(awaiting, "GRACE_SECONDS", 0.3)
    desk.delete(id, outputs)
    assert desk.read(id, outputs) is None


def test_what_was_shown_once_and_is_not_any_more_is_gone(desk: Desk) -> None:
    desk.cloud.lists_to_ready = 10**9
    desk.call(timeout_seconds=3)  # long enough to be shown once, on a busy machine as well
    id, outputs = made(desk)
    assert outputs[WAIT]["state"] == "pending"
    del desk.cloud.boxes[id]
    assert desk.read(id, outputs) is None
    desk.delete(id, outputs)
    assert len(desk.cloud.sent("delete")) == 1


@pytest.mark.parametrize("method", ["readiness", "outputs"])
def test_our_own_mistakes_after_the_post_keep_the_id(desk: Desk, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def broken(*_: Any) -> Any:
        raise TypeError("a shape that nobody has seen")

    monkeypatch.setattr(type(BOX), method, broken)
    id, outputs = desk.create(OURS)
    assert (id, outputs["id"], outputs[INPUTS], outputs[WAIT]["state"]) == ("box-1", "box-1", OURS, "pending")


def test_a_progress_line_that_cannot_be_shown_is_not_worth_a_box(desk: Desk) -> None:
    def broken(_line: str) -> None:
        raise OSError("the engine is gone")

    desk.now = Call("urn:box", None, broken)
    assert desk.create(OURS)[0] == "box-1"


# --- Import ---------------------------------------------------------------------------------------------------------


def test_an_import_takes_over_what_matches(desk: Desk) -> None:
    living = desk.cloud.make(box_name="mine", place="here", count=2)
    id, outputs = desk.create({**GIVEN, IMPORT_ID: living})
    assert (id, outputs["status"], desk.cloud.sent("create"), desk.cloud.sent("update")) == (living, "ready", [], [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 4}, "count is 2, declared 4"),
        ({"login": {"user": "u", "password": "p"}}, "login.user is 'v', declared 'u'"),
    ],
)
def test_an_import_that_does_not_match_names_each_property(desk: Desk, change: Any, words: str) -> None:
    living = desk.cloud.make(box_name="mine", place="here", count=2, login={"user": "v"})
    with pytest.raises(Refusal, match="inputs do not match what runs") as refused:
        desk.create({**GIVEN, **change, IMPORT_ID: living})
    assert words in str(refused.value)
    assert desk.cloud.sent("create") == []


def test_an_import_of_nothing_makes_nothing(desk: Desk) -> None:
    with pytest.raises(Refusal, match="no such id; nothing was created"):
        desk.create({**GIVEN, IMPORT_ID: "box-9"})
    assert desk.cloud.sent("create") == []


def test_an_import_of_what_is_being_deleted_makes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    going = {"id": "box-1", "box_name": "mine", "place": "here", "count": 2, "status": "deleting"}
    monkeypatch.setattr(desk.cloud, "list", lambda: [going])
    with pytest.raises(Refusal, match="it is being deleted"):
        desk.create({**GIVEN, IMPORT_ID: "box-1"})
    assert desk.cloud.sent("create") == []


def test_what_another_resource_of_the_stack_holds_is_not_imported(desk: Desk) -> None:
    living = desk.cloud.make(box_name="mine", place="here", count=2)
    desk.call("urn:other")
    desk.remember(living)
    desk.call("urn:box")
    with pytest.raises(Refusal, match="this stack manages it already"):
        desk.create({**GIVEN, IMPORT_ID: living})


def test_what_was_imported_and_is_replaced_is_made_anew(desk: Desk) -> None:
    first = desk.cloud.make(box_name="mine", place="here", count=2)
    # Create-first: a diff has named it under this URN. Delete-first: it has been deleted.
    desk.remember(first)
    assert desk.create({**GIVEN, IMPORT_ID: first})[0] == "box-2"
    desk.delete("box-2", {})
    assert desk.create({**GIVEN, IMPORT_ID: "box-2"})[0] == "box-3"


# --- Read -----------------------------------------------------------------------------------------------------------


def made(desk: Desk, **inputs: Any) -> tuple[str, dict[str, Any]]:
    """Make a box in a run of its own."""
    result = desk.create({**OURS, **inputs})
    desk.new_run()
    return result


def test_a_read_corrects_what_has_drifted_and_the_cloud_shows(desk: Desk) -> None:
    id, outputs = made(desk, tests=True, mode="open")
    desk.cloud.boxes[id].update(count=6, colour="red")
    found = desk.read(id, outputs)
    assert found is not None
    now, inputs = found
    assert inputs == {**OURS, "tests": True, "mode": "open", "count": 6}
    assert (now["count"], now[INPUTS]) == (6, inputs)


def test_a_read_keeps_what_the_reply_garbles(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["labels"] = {"team": "a"}
    found = desk.read(id, outputs)
    assert found is not None and found[0]["labels"] == {"team": "a"}
    desk.new_run()
    desk.cloud.boxes[id]["labels"] = "none"
    garbled = desk.read(id, found[0])
    assert garbled is not None and garbled[0]["labels"] == {"team": "a"}


def test_what_cannot_change_does_not_drift_and_the_difference_is_noted(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id].update(place="HERE", count=6)
    found = desk.read(id, outputs)
    assert found is not None
    _, inputs = found
    assert (inputs["place"], inputs["count"]) == ("here", 6)
    assert [note for note in desk.notes if "place is 'HERE', declared 'here'; it cannot change" in note]


@pytest.mark.parametrize("error", [Unavailable("Toy: 503"), CloudError("Toy: 401")])
def test_a_fault_never_reads_as_gone(desk: Desk, error: CloudError) -> None:
    id, outputs = made(desk)

    def faulty(_verb: str) -> None:
        raise error

    desk.cloud.before = faulty
    with pytest.raises(type(error)):
        desk.read(id, outputs)


def test_gone_is_gone_when_list_and_cloud_agree(desk: Desk) -> None:
    id, outputs = made(desk)
    del desk.cloud.boxes[id]
    assert desk.read(id, outputs) is None
    assert desk.cloud.calls[-1] == ("get", id)


def test_what_another_key_does_not_show_is_not_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_memory, "QUIET_SECONDS", 0.0)
    id, outputs = made(desk)
    del desk.cloud.boxes[id]
    desk.new_run("another key")
    for ask in (desk.read, desk.delete):
        with pytest.raises(Refusal, match="written with another key or address"):
            ask(id, outputs)


@pytest.mark.parametrize("first", ["read", "delete", "diff"])
def test_a_new_key_that_shows_other_boxes_of_the_state_is_of_the_same_account(desk: Desk, first: str) -> None:
    (gone, outputs), (other, others) = made(desk), made(desk, box_name="other")
    del desk.cloud.boxes[gone]
    desk.new_run("a new key")
    desk.call("urn:other")
    if first == "diff":
        desk.diff(other, others, others[INPUTS])
    else:
        getattr(desk, first)(other, others)
    desk.call("urn:box")
    assert desk.read(gone, outputs) is None
    desk.delete(gone, outputs)


def test_a_box_is_waited_for_until_the_others_of_its_state_are_met(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (gone, outputs), (other, others) = made(desk), made(desk, box_name="other")
    del desk.cloud.boxes[gone]
    desk.new_run("a new key")
    met: list[str] = []

    def meet() -> None:
        desk.call("urn:other")
        desk.read(other, others)
        met.append(other)
        desk.service.memory.last_seen_at = float("-inf")

    monkeypatch.setattr(desk.watcher, "pause", meet)
    assert desk.read(gone, outputs) is None
    assert met == [other]


def test_a_box_written_with_another_key_proves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_memory, "QUIET_SECONDS", 0.0)
    (gone, outputs), (other, others) = made(desk), made(desk, box_name="other")
    del desk.cloud.boxes[gone]
    desk.new_run("a new key")
    desk.read(other, {**others, ACCOUNT: "a third key"})
    desk.call("urn:box")
    with pytest.raises(Refusal, match="written with another key or address"):
        desk.read(gone, outputs)


def test_what_a_box_that_is_gone_may_have_left_is_said(desk: Desk) -> None:
    id, outputs = made(desk)
    del desk.cloud.boxes[id]
    assert desk.read(id, {**outputs, "volume": "v-1"}) is None
    assert desk.warned == [f"toy:Box {id} is gone, but volume v-1 may still exist, and cost money"]
    assert desk.cloud.sent("volume") == []


def test_a_prepaid_box_that_ended_stays_in_the_state(desk: Desk) -> None:
    id, outputs = made(desk, ends=PAST)
    del desk.cloud.boxes[id]
    found = desk.read(id, {**outputs, WAIT: {"state": "pending", "words": "w", "during": "create"}})
    assert found is not None
    now, inputs = found
    became = inputs.pop(ENDED) if inputs else ""
    assert (now["status"], inputs, WAIT in now) == ("Ended", {**OURS, "ends": PAST}, False)
    assert f"ended at {PAST}" in became


def test_a_prepaid_box_that_vanished_early_stays_as_well(desk: Desk) -> None:
    id, outputs = made(desk, ends=FUTURE)
    del desk.cloud.boxes[id]
    found = desk.read(id, outputs)
    assert found is not None and found[1] is not None
    assert found[0]["status"] == "Ended"
    assert "no longer has the resource" in found[1][ENDED] and FUTURE in found[1][ENDED]


def test_a_reference_is_read_by_its_id_alone(desk: Desk) -> None:
    living = desk.cloud.make(box_name="mine", place="here", count=2)
    found = desk.read(living, {})
    assert found is not None
    assert (found[0]["box_name"], found[1]) == ("mine", None)


def test_a_reference_to_what_does_not_exist_is_an_error(desk: Desk) -> None:
    with pytest.raises(Refusal, match="toy:Box box-9: Toy has no such id, and this program refers to it"):
        desk.read("box-9", {})


def test_a_reference_that_is_gone_leaves_the_state_by_a_refresh(desk: Desk) -> None:
    living = desk.cloud.make(box_name="mine", place="here", count=2)
    found = desk.read(living, {})
    assert found is not None
    del desk.cloud.boxes[living]
    desk.new_run()
    assert desk.read(living, found[0]) is None
    with pytest.raises(Refusal, match=f"{living}: Toy has no such id"):
        desk.read(living, {})


def test_a_read_says_how_what_was_not_ready_stands_now(desk: Desk) -> None:
    desk.cloud.lists_to_ready = 10**9
    desk.call(timeout_seconds=0.2)
    id, outputs = made(desk)
    desk.cloud.boxes[id]["status"] = "failed"
    found = desk.read(id, outputs)
    assert found is not None and found[0][WAIT]["state"] == "failed"
    desk.new_run()
    desk.cloud.boxes[id]["status"] = "ready"
    found = desk.read(id, outputs)
    assert found is not None and WAIT not in found[0]


# --- What has healed ------------------------------------------------------------------------------------------------


def failed(desk: Desk, **inputs: Any) -> tuple[str, dict[str, Any]]:
    """A box whose making failed, as the state holds it."""
    desk.cloud.becomes = "failed"
    id, outputs = made(desk, **inputs)
    assert outputs[WAIT]["state"] == "failed"
    return id, outputs


def test_what_has_healed_is_not_replaced_but_gone_on_with(desk: Desk) -> None:
    id, outputs = failed(desk)
    desk.cloud.boxes[id]["status"] = "ready"
    planned = desk.diff(id, outputs, OURS)
    assert (planned.changed, planned.replaces) == (True, [])
    now = desk.update(id, outputs, OURS)
    assert (now["status"], WAIT in now, desk.cloud.sent("update")) == ("ready", False, [])


@pytest.mark.parametrize("fault", [MissingKey("Toy: no key"), Unavailable("Toy: no answer")])
def test_without_an_answer_what_the_state_says_of_a_failure_holds(desk: Desk, fault: CloudError) -> None:
    id, outputs = failed(desk)
    desk.cloud.boxes[id]["status"] = "ready"

    def faulty(_verb: str) -> None:
        raise fault

    desk.cloud.before = faulty
    assert desk.diff(id, outputs, OURS).replaces == ["status"]
    assert [said for said in desk.warned if "is to be replaced because of status" in said]


def test_what_heals_between_the_diff_and_the_delete_is_not_deleted(desk: Desk) -> None:
    id, outputs = failed(desk)
    desk.check(OURS, OURS)
    assert desk.diff(id, outputs, OURS).replaces == ["status"]
    desk.check({}, OURS)
    desk.cloud.boxes[id]["status"] = "ready"
    with pytest.raises(Refusal, match="it is not any more, so nothing was deleted"):
        desk.delete(id, outputs)
    assert desk.cloud.sent("delete") == [] and id in desk.cloud.boxes


def test_what_healed_and_is_replaced_for_another_reason_keeps_its_data_unless_told(desk: Desk) -> None:
    id, outputs = failed(desk, size_gib=2)
    news = {**OURS, "size_gib": 2, "place": "there"}
    desk.check({}, news)
    desk.cloud.boxes[id]["status"] = "ready"
    with pytest.raises(Refusal, match=r"what is in the box goes with it.*confirm_data_loss=True"):
        desk.delete(id, outputs)
    desk.check({}, {**news, "confirm_data_loss": True})
    desk.delete(id, outputs)
    assert desk.cloud.boxes == {}


def test_what_is_still_failed_is_replaced(desk: Desk) -> None:
    id, outputs = failed(desk, size_gib=2)
    assert desk.diff(id, outputs, {**OURS, "size_gib": 2}).replaces == ["status"]
    desk.check({}, {**OURS, "size_gib": 2})
    desk.delete(id, outputs)
    assert desk.cloud.boxes == {}


def test_what_was_ready_before_this_state_met_it_is_never_given_up(desk: Desk) -> None:
    """An import, or a takeover after a lost state: to this state it is being created, and it may hold work."""
    living = desk.cloud.make(**GIVEN, ready_once=True)
    desk.cloud.boxes[living]["status"] = "failed"
    id, outputs = desk.create({**GIVEN, IMPORT_ID: living})
    assert (id, outputs[WAIT]["state"]) == (living, "pending")
    desk.new_run()
    assert desk.diff(id, outputs, GIVEN).replaces == []
    read = desk.read(id, outputs)
    assert read is not None and read[0][WAIT]["state"] == "pending"


# --- Update ---------------------------------------------------------------------------------------------------------


def test_an_update_sends_what_changed_and_waits_until_it_holds(desk: Desk) -> None:
    id, outputs = made(desk)
    now = desk.update(id, outputs, {**OURS, "count": 4, "colour": "red"})
    assert desk.cloud.sent("update") == [{"count": 4, "colour": "red"}]
    assert (now["count"], now["colour"], now[INPUTS]["count"], desk.warned) == (4, "red", 4, [])


def test_an_update_that_is_refused_leaves_everything_as_it_was(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.before = fail_once(Invalid("Toy: no"), "update")
    with pytest.raises(Invalid):
        desk.update(id, outputs, {**OURS, "count": 4})


def test_an_update_of_what_is_gone_says_what_to_do(desk: Desk) -> None:
    id, outputs = made(desk)
    del desk.cloud.boxes[id]
    with pytest.raises(CloudError, match="`pulumi refresh` removes it from the state"):
        desk.update(id, outputs, {**OURS, "count": 4})


def test_an_edit_that_the_cloud_swallows_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, outputs = made(desk, colour="red")
    monkeypatch.setattr(desk.cloud, "update", lambda id, changes: None)
    desk.update(id, outputs, {**OURS, "colour": "blue"})
    assert desk.warned == ["toy:Box: the cloud accepted the update, but colour is 'red', declared 'blue'"]


def test_a_resumed_wait_sends_nothing_and_may_still_fail_for_good(desk: Desk) -> None:
    desk.cloud.lists_to_ready = 10**9
    desk.call(timeout_seconds=0.2)
    id, outputs = made(desk)
    desk.cloud.boxes[id]["status"] = "failed"
    desk.call()
    again = desk.update(id, outputs, OURS)
    assert (desk.cloud.sent("update"), again[WAIT]["state"]) == ([], "failed")


def test_what_has_been_ready_once_is_never_replaced_for_a_failed_update(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.after = lambda verb: desk.cloud.boxes[id].update(status="failed") if verb == "update" else None
    now = desk.update(id, outputs, {**OURS, "count": 4})
    assert (now[WAIT]["state"], now[WAIT]["during"], now[INPUTS]["count"]) == ("pending", "update", 4)
    assert now[WAIT]["words"].endswith("it is kept")


def test_a_box_that_vanishes_during_an_update_is_made_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "GRACE_SECONDS", 0.0)
    id, outputs = made(desk)
    desk.cloud.after = lambda verb: desk.cloud.boxes.clear() if verb == "update" else None
    now = desk.update(id, outputs, {**OURS, "count": 4})
    assert (now["id"], now[WAIT]["state"]) == (id, "failed")
    assert "it is gone" in now[WAIT]["words"]


# --- What a killed run has changed ----------------------------------------------------------------------------------


def test_a_change_of_a_killed_run_is_said_by_every_diff_until_it_is_settled(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["count"] = 64
    for _ in range(2):
        desk.new_run()
        desk.warned.clear()
        assert not desk.diff(id, outputs, OURS).changed
        assert desk.warned == [
            f"toy:Box {id}: count is 64, declared 2, by an interrupted run or from outside. `pulumi refresh` takes it "
            "into the state, and the next `pulumi up` brings it to what the program declares"
        ]
    found = desk.read(id, outputs)
    assert found is not None and found[1] is not None
    desk.new_run()
    desk.warned.clear()
    assert desk.diff(id, found[0], OURS).detailed == {"count": "update"}
    settled = desk.update(id, found[0], OURS)
    desk.new_run()
    assert not desk.diff(id, settled, OURS).changed
    assert desk.warned == []


def test_a_change_that_the_plan_makes_anyway_is_not_said(desk: Desk) -> None:
    id, outputs = made(desk, colour="red")
    desk.cloud.boxes[id].update(count=64, colour="blue")
    desk.diff(id, outputs, {**OURS, "count": 4, "colour": "red"})
    assert [line.partition(",")[0] for line in desk.warned] == [f"toy:Box {id}: colour is 'blue'"]


def test_what_is_gone_is_said_by_every_diff(desk: Desk) -> None:
    id, outputs = made(desk)
    del desk.cloud.boxes[id]
    assert not desk.diff(id, outputs, OURS).changed
    assert desk.warned == [
        f"toy:Box {id}: it is gone. `pulumi refresh` takes it out of the state, and the next `pulumi up` creates it "
        "again"
    ]


def standing(desk: Desk) -> tuple[str, dict[str, Any]]:
    """A box that no run has waited for: no poll of its own is under way any more."""
    return desk.cloud.make(box_name=NAME, place="here", count=2), {INPUTS: OURS, ACCOUNT: "toy"}


def test_an_account_that_does_not_answer_is_asked_once_by_the_diffs_of_a_run(desk: Desk) -> None:
    id, outputs = standing(desk)

    def fail(verb: str) -> None:
        raise Unavailable("Toy: no answer")

    desk.cloud.before = fail
    for _ in range(3):
        assert not desk.diff(id, outputs, OURS).changed
    assert (len(desk.cloud.calls), len(desk.notes), desk.warned) == (1, 1, [])


def test_diffs_share_one_list_whatever_is_changed_between_them(desk: Desk) -> None:
    id, outputs = standing(desk)
    for _ in range(5):
        desk.diff(id, outputs, OURS)
        desk.client.changed_at = time.monotonic()
    assert desk.cloud.calls == [("list", None)]


def test_nothing_is_looked_at_without_a_key_or_with_another_one(desk: Desk) -> None:
    id, outputs = standing(desk)
    desk.diff(id, {**outputs, ACCOUNT: "another key"}, OURS)

    def connect(_setting: object) -> CloudClient:
        raise MissingKey("Toy: no key")

    ResourceService(BOX, connect).diff(desk.now, id, outputs, OURS)
    assert (desk.cloud.calls, desk.warned, desk.notes) == ([], [], [])


# --- Delete ---------------------------------------------------------------------------------------------------------


def test_a_delete_returns_when_the_box_is_gone(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.delete(id, outputs)
    assert (desk.cloud.boxes, len(desk.cloud.sent("delete"))) == ({}, 1)


def test_a_delete_shows_the_status_that_the_lifecycle_names(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, outputs = made(desk)
    monkeypatch.setattr(type(BOX), "status_field", "place")
    desk.shown.clear()
    real = desk.cloud.list
    monkeypatch.setattr(desk.cloud, "list", lambda: real() if desk.shown else [dict(desk.cloud.boxes[id])])
    desk.delete(id, outputs)
    assert [line.rpartition(" · ")[0] for line in desk.shown] == ["deleting · here"]


def test_deleting_what_is_gone_is_done(desk: Desk) -> None:
    desk.delete("box-9", {})


REFUSED_DELETES = [
    Conflict("Toy: it is being deleted"),
    Invalid("Toy: no such state"),
    Forbidden("Toy: not yours"),
    Unavailable("Toy: 500"),
    OutOfCapacity("Toy: no node of that cluster is available"),
    RateLimited("Toy: later"),
]


@pytest.mark.parametrize("refusal", REFUSED_DELETES)
def test_deleting_twice_waits_for_the_first(desk: Desk, refusal: CloudError) -> None:
    id, outputs = made(desk)
    desk.cloud.boxes[id]["status"] = "deleting"
    desk.cloud.before = fail_once(refusal, "delete")
    desk.delete(id, outputs)
    assert desk.cloud.boxes == {}


@pytest.mark.parametrize("refusal", REFUSED_DELETES)
def test_a_delete_that_is_refused_because_the_box_is_gone_is_done(desk: Desk, refusal: CloudError) -> None:
    id, outputs = made(desk)
    del desk.cloud.boxes[id]
    desk.cloud.before = fail_once(refusal, "delete")
    desk.delete(id, outputs)
    assert len(desk.cloud.sent("delete")) == 1


@pytest.mark.parametrize("refusal", REFUSED_DELETES)
def test_a_refused_delete_of_a_living_box_is_an_error(desk: Desk, refusal: CloudError) -> None:
    id, outputs = made(desk)
    desk.cloud.before = fail_once(refusal, "delete")
    with pytest.raises(type(refusal), match=str(refusal)):
        desk.delete(id, outputs)
    assert id in desk.cloud.boxes


def test_a_refused_delete_of_what_cannot_be_looked_at_keeps_the_refusal(desk: Desk) -> None:
    id, outputs = made(desk)

    def refuse(verb: str) -> None:
        raise Forbidden("Toy: not yours") if verb == "delete" else Unavailable("Toy: no answer")

    desk.cloud.before = refuse
    with pytest.raises(Forbidden, match="not yours"):
        desk.delete(id, outputs)


def test_a_refused_delete_of_what_is_not_shown_yet_is_asked_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was just created and is not listed yet may still appear: it is not gone because a delete was refused."""
    id, outputs = unseen(desk)
    desk.cloud.before = fail_once(Invalid("Toy: no such state"), "delete")

    def show() -> None:
        desk.cloud.boxes.update(desk.hidden)

    monkeypatch.setattr(desk.watcher, "pause", show)
    desk.delete(id, outputs)
    assert (desk.cloud.boxes, len(desk.cloud.sent("delete"))) == ({}, 2)


def test_a_delete_that_takes_too_long_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, outputs = made(desk)
    monkeypatch.setattr(
        desk.cloud, "list", lambda: [{**box, "status": "deleting"} for box in desk.cloud.boxes.values()]
    )
    desk.call(timeout_seconds=0.2)
    with pytest.raises(CloudError, match="was accepted, but it is not gone yet"):
        desk.delete(id, outputs)


def test_what_a_box_made_besides_itself_goes_with_it(desk: Desk) -> None:
    id, outputs = made(desk)
    desk.cloud.volumes.add("v")
    desk.delete(id, {**outputs, "volume": "v"})
    assert desk.cloud.volumes == set()


def test_what_was_made_while_nobody_waited_goes_as_well(desk: Desk) -> None:
    desk.cloud.after = lambda verb: desk.watcher.cancel_all("Ctrl-C") if verb == "create" else None
    id, outputs = made(desk)
    desk.cloud.after = lambda verb: None
    desk.cloud.volumes.add("v")
    desk.cloud.boxes[id]["volume"] = "v"
    desk.delete(id, outputs)
    assert desk.cloud.volumes == set()


# --- Many at once ---------------------------------------------------------------------------------------------------


def test_many_creates_share_their_lists(desk: Desk) -> None:
    results: list[tuple[str, Any]] = []

    def one(number: int) -> None:
        call = Call(f"urn:{number}")
        name = f"box-{number:08x}"
        results.append(desk.service.create(call, {**OURS, "box_name": name, OFFERED_NAME: name}))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for id, _ in results}) == 60
    assert all(WAIT not in outputs for _, outputs in results)
    assert len(desk.cloud.sent("create")) == 60
    assert desk.cloud.sent("get") == []


def test_a_create_asks_right_before_it_posts_whether_it_may(desk: Desk) -> None:
    seen: list[list[str]] = []
    desk.call(before_create=lambda: seen.append([verb for verb, _ in desk.cloud.calls]))
    made(desk)
    assert len(seen) == 1 and "list" in seen[0] and "create" not in seen[0]


def test_a_create_that_may_not_be_posted_makes_nothing(desk: Desk) -> None:
    def refuse() -> None:
        raise Stopped("the engine is gone")

    desk.call(before_create=refuse)
    with pytest.raises(Stopped):
        desk.create(OURS)
    assert desk.cloud.sent("create") == []
