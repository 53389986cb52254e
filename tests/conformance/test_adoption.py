"""Nothing is lost or paid twice: lost replies, interrupted runs, and names that are taken already."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.errors import Refusal

from tests.conformance.conftest import Subject


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "reply_lost"},
        {"fault": "garbage"},
        {"fault": "empty"},
        {"fault": "truncated"},
        {"fault": "status", "status": 500, "accepted": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", [None, "mine"], ids=["offered name", "given name"])
def test_a_create_whose_answer_was_lost_is_found_by_the_list(
    subject: Subject, name: str | None, fault: dict[str, Any]
) -> None:
    subject.account.fail_creates(**fault)
    made = subject.run().up("it", subject.inputs(name))
    assert made.wait is None
    assert subject.account.ever() == [made.id] and subject.account.creates() == 1
    subject.remove(made)


@pytest.mark.parametrize(
    "fault", [{"fault": "reset"}, {"fault": "garbage", "accepted": False}, {"fault": "status", "status": 503}], ids=str
)
def test_a_create_that_came_to_nothing_says_so_and_the_next_run_makes_it(subject: Subject, fault: Any) -> None:
    subject.account.fail_creates(times=1, **fault)
    with pytest.raises(Refusal, match=r"no resource named .* has appeared"):
        subject.run().up("it", subject.inputs())
    assert subject.account.ever() == [] and subject.account.creates() == 1
    made = subject.run().up("it", subject.inputs())
    assert subject.account.ever() == [made.id]
    subject.remove(made)


def test_what_an_interrupted_run_has_left_is_taken_over(subject: Subject) -> None:
    lost = subject.run().up("it", subject.inputs())
    run = subject.run()
    made = run.up("it", subject.inputs())
    assert (made.id, made.wait) == (lost.id, None)
    assert subject.account.ever() == [made.id] and subject.account.creates() == 1
    assert any(f"taking over {made.id}" in warning for warning in run.warnings)
    assert subject.run().up("it", subject.inputs(), made) == made
    subject.remove(made)


def test_what_is_left_is_brought_to_what_is_declared_now(subject: Subject) -> None:
    if subject.example.in_place is None:
        pytest.skip(f"nothing of a {subject.token} changes in place")
    lost = subject.run().up("it", subject.inputs())
    inputs = subject.inputs(**subject.example.in_place)
    made = subject.run().up("it", inputs)
    assert (made.id, made.wait) == (lost.id, None) and subject.account.creates() == 1
    read = subject.run().refresh("it", made)
    assert read is not None and subject.run().up("it", inputs, read) == read
    subject.remove(made)


def test_what_is_left_and_cannot_become_what_is_declared_is_refused(subject: Subject) -> None:
    lost = subject.run().up("it", subject.inputs())
    with pytest.raises(Refusal, match=f"{lost.id} is left from an interrupted run, but .*; nothing was created"):
        subject.run().up("it", subject.inputs(**subject.example.replacing))
    assert subject.account.ever() == [lost.id] and subject.account.creates() == 1
    subject.remove(lost)


def test_what_the_state_holds_is_not_taken_over_by_its_replacement(subject: Subject) -> None:
    """A replacement that is created first looks its name up while the old one still runs under it."""
    made = subject.run().up("it", subject.inputs())
    run = subject.run()
    run.diff("it", run.check("it", subject.inputs(), made), made)
    second = run.create("it", run.check("it", subject.inputs(), None))
    assert second.id != made.id and subject.account.alive() == [made.id, second.id]
    subject.remove(made)
    subject.remove(second)


def test_a_name_that_runs_already_is_refused_and_said_how_to_take_it_over(subject: Subject) -> None:
    theirs = subject.create_outside("taken")
    with pytest.raises(Refusal, match="may belong to somebody; nothing was created") as refused:
        subject.run().up("it", subject.inputs("taken"))
    assert f'import_="{theirs.id}"' in str(refused.value) and subject.lifecycle.name_field in str(refused.value)
    assert subject.account.alive() == [theirs.id] and subject.account.creates() == 0
    subject.remove(theirs)


def test_a_name_twice_in_one_program_is_refused(subject: Subject) -> None:
    run = subject.run()
    made = run.up("one", subject.inputs("same"))
    with pytest.raises(Refusal, match="'one' of this program has that name, too; nothing was created"):
        run.up("two", subject.inputs("same"))
    assert subject.account.ever() == [made.id] and subject.account.creates() == 1
    subject.remove(made)


def test_two_that_are_left_are_not_chosen_from(subject: Subject) -> None:
    one = subject.run().up("it", subject.inputs())
    run = subject.run()
    run.refresh("it", one)
    two = run.create("it", run.check("it", subject.inputs(), None))
    with pytest.raises(Refusal, match="2 live resources have that name") as refused:
        subject.run().up("it", subject.inputs())
    assert one.id in str(refused.value) and two.id in str(refused.value)
    assert subject.account.creates() == 2
    subject.remove(one)
    subject.remove(two)
