"""`ResourceOptions(import_=...)` takes over what runs if it is as declared, and changes nothing otherwise."""

from __future__ import annotations

import pytest
from gpufleet_provider.model.errors import Refusal

from tests.conformance.conftest import Subject
from tests.conformance.run import importing


def test_what_runs_is_taken_over_by_its_id(subject: Subject) -> None:
    theirs, inputs = subject.create_outside("outside"), subject.inputs("outside")
    imported = subject.run().up("it", importing(inputs, theirs.id))
    assert (imported.id, imported.wait) == (theirs.id, None)
    assert subject.run().up("it", importing(inputs, theirs.id), imported) == imported
    assert subject.run().up("it", inputs, imported) == imported, "taking import_ out again is no change"
    assert subject.account.changes() == 0
    subject.remove(imported)


def test_what_runs_otherwise_than_declared_is_refused(subject: Subject) -> None:
    theirs = subject.create_outside("outside")
    otherwise = subject.inputs("outside", **subject.example.replacing)
    with pytest.raises(Refusal, match="inputs do not match what runs") as refused:
        subject.run().up("it", importing(otherwise, theirs.id))
    assert all(name in str(refused.value) for name in subject.example.replacing)
    assert subject.account.alive() == [theirs.id] and subject.account.changes() == 0
    subject.remove(theirs)


def test_an_id_that_the_account_lacks_is_refused(subject: Subject) -> None:
    with pytest.raises(Refusal, match="the account has no such id; nothing was created"):
        subject.run().up("it", importing(subject.inputs(), "no-such-id"))
    assert subject.account.changes() == 0


def test_what_the_stack_manages_already_is_refused(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs("one"))
    run = subject.run()
    run.refresh("it", made)
    with pytest.raises(Refusal, match="manages it already"):
        run.up("another", importing(subject.inputs("one"), made.id))
    subject.remove(made)
