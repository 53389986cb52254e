"""A resource from its create to its delete, over several runs."""

from __future__ import annotations

import pytest
from gpufleet_provider.model.fields import nested_body
from pydantic import BaseModel

from tests.conformance.conftest import TOKENS, Subject
from tests.conformance.example import example_of
from tests.conformance.simulated import NEW, with_more_fields


def test_the_example_is_whole(subject: Subject) -> None:
    example, lifecycle, run = subject.example, subject.lifecycle, subject.run()
    checked = run.check("it", subject.inputs("it"), None)
    assert run.check("it", checked, None) == checked, "what was normalised is normalised again to something else"
    assert not set(example.replacing) & set(lifecycle.update_body.model_fields)
    assert set(example.in_place or ()) <= set(lifecycle.update_body.model_fields)
    assert bool(example.in_place) == bool(lifecycle.update_body.model_fields), (
        "the example says None of in_place exactly where the update body is empty"
    )


def test_every_field_says_what_it_is(subject: Subject) -> None:
    lifecycle, found = subject.lifecycle, list[str]()
    bodies: list[type[BaseModel]] = [lifecycle.create_body, lifecycle.info_body]
    seen = set[type[BaseModel]]()
    while bodies:
        body = bodies.pop()
        seen.add(body)
        for name, field in body.model_fields.items():
            if not field.description:
                found.append(f"{body.__name__}.{name}")
            inner = nested_body(field.annotation)
            if inner is not None and inner not in seen:
                bodies.append(inner)
    assert found == []


def test_create_read_update_replace_delete(subject: Subject) -> None:
    account, inputs = subject.account, subject.inputs()
    made = subject.run().up("it", inputs)
    assert made.wait is None and account.alive() == [made.id]

    run = subject.run()
    read = run.refresh("it", made)
    assert read is not None and (read.id, read.outputs["__inputs"]) == (made.id, made.outputs["__inputs"])
    sent = account.changes()
    assert run.up("it", inputs, read) == read
    assert account.changes() == sent, "a run that had nothing to do has changed something"

    if subject.example.in_place is not None:
        inputs |= subject.example.in_place
        updated = subject.run().up("it", inputs, read)
        assert (updated.id, updated.wait) == (made.id, None)
        assert subject.run().up("it", inputs, updated) == updated
        read = subject.run().refresh("it", updated)
        assert read is not None and read.outputs["__inputs"] == updated.outputs["__inputs"]
        assert account.ever() == [made.id]

    inputs |= subject.example.replacing
    replaced = subject.run().up("it", inputs, read)
    assert replaced.wait is None and account.alive() == [replaced.id] and account.creates() == 2
    assert subject.run().up("it", inputs, replaced) == replaced

    subject.run().delete("it", replaced)
    assert account.alive() == []
    assert subject.run().refresh("it", replaced) is None


def test_what_vanished_outside_is_gone_and_its_delete_succeeds(subject: Subject) -> None:
    account = subject.account
    made = subject.run().up("it", subject.inputs())
    account.vanish(made.id)
    assert subject.run().refresh("it", made) is None
    subject.run().delete("it", made)
    again = subject.run().up("it", subject.inputs())
    assert again.id != made.id and account.alive() == [again.id]
    subject.remove(again)
    subject.remove(again)


def test_fields_of_tomorrow_change_nothing(subject: Subject) -> None:
    subject.account.rewrite_replies(lambda reply: with_more_fields(reply, {"of": ["what", {NEW: 1}]}))
    made = subject.run().up("it", subject.inputs())
    assert NEW not in str(made.outputs) and made.wait is None
    read = subject.run().refresh("it", made)
    assert read is not None and subject.run().up("it", subject.inputs(), read) == read
    subject.remove(made)


def test_a_lifecycle_without_an_example_is_told_what_to_add() -> None:
    for token in ("together:Moon", "mars:Cluster"):
        with pytest.raises(pytest.fail.Exception, match=f"{token} has no example .* add EXAMPLES.* to tests/"):
            example_of(token)
    assert TOKENS
