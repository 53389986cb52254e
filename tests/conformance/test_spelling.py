"""A cloud that spells names and places in its own way: nothing is replaced, doubled or lost for that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import Subject
from tests.conformance.run import State, importing

DECLARED, SHOWN = "My_Batch 1", "my-batch-1"


def respelled(reply: Any) -> Any:
    """Return a reply with our name as the cloud spells it."""
    if isinstance(reply, dict):
        return {key: respelled(value) for key, value in reply.items()}
    if isinstance(reply, list):
        return [respelled(entry) for entry in reply]
    return SHOWN if reply == DECLARED else reply


@pytest.fixture
def subject(subject: Subject) -> Subject:
    subject.account.rewrite_replies(respelled)
    return subject


def is_settled(subject: Subject, made: State, name: str = DECLARED) -> bool:
    """Say whether a run with that name changes nothing, before a refresh and after it."""
    read = subject.run().refresh("it", made)
    assert read is not None and subject.lifecycle.name_field in read.outputs
    return all(subject.run().up("it", subject.inputs(name), state) == state for state in (made, read))


def test_a_respelled_name_is_no_change(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs(DECLARED))
    assert made.outputs[subject.lifecycle.name_field] == SHOWN
    assert is_settled(subject, made)
    # Nor is it one to write what the cloud shows.
    assert is_settled(subject, made, SHOWN)
    assert subject.account.ever() == [made.id]
    subject.remove(made)


def test_a_create_whose_answer_was_lost_is_found_under_a_respelled_name(subject: Subject) -> None:
    subject.account.fail_creates("reply_lost")
    made = subject.run().up("it", subject.inputs(DECLARED))
    assert subject.account.ever() == [made.id] and subject.account.creates() == 1
    assert is_settled(subject, made)
    subject.remove(made)


def test_what_runs_under_a_respelled_name_is_imported(subject: Subject) -> None:
    theirs = subject.create_outside(DECLARED)
    for name in (DECLARED, SHOWN):
        made = subject.run().up("it", importing(subject.inputs(name), theirs.id))
        assert made.id == theirs.id and is_settled(subject, made, name)
    subject.remove(theirs)
