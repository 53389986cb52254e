"""Errors of a cloud: each is one line without a secret, and no resource is lost."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from gpufleet_provider.model.errors import (
    CloudError,
    Conflict,
    Forbidden,
    InsufficientFunds,
    Invalid,
    NotFound,
    OutOfCapacity,
    RateLimited,
    Refusal,
    Unauthorized,
    Unavailable,
    describe,
)

from tests.conformance.conftest import Subject
from tests.conformance.run import State
from tests.conformance.simulated import CANARY, KEY

ECHO = {"error": {"message": f"no: {KEY}", "api_key": KEY}, "message": f"password={CANARY}", "error_code": "NO"}
"""A refusal with the key in it."""
REFUSALS: list[tuple[type[CloudError], dict[str, Any]]] = [
    (Unauthorized, {"fault": "status", "status": 401}),
    (Forbidden, {"fault": "status", "status": 403}),
    (NotFound, {"fault": "status", "status": 404}),
    (Invalid, {"fault": "status", "status": 400}),
    (Invalid, {"fault": "status", "status": 422}),
    (Invalid, {"fault": "status", "status": 400, "body": ECHO}),
    (Conflict, {"fault": "status", "status": 409}),
    (OutOfCapacity, {"fault": "sold_out"}),
    (InsufficientFunds, {"fault": "status", "status": 402}),
    (RateLimited, {"fault": "rate_limited", "retry_after_seconds": 100}),
]
"""Replies that say that nothing was done."""
UNCLEAR: list[dict[str, Any]] = [
    {"fault": "status", "status": 500},
    {"fault": "status", "status": 503, "body": "<html>upstream"},
    {"fault": "status", "status": 408},
    {"fault": "reset"},
    {"fault": "garbage", "accepted": False},
    {"fault": "truncated", "accepted": False},
]
"""Replies that do not say whether something was done."""
READS = [*UNCLEAR, {"fault": "empty"}, *(fault for kind, fault in REFUSALS if kind is not OutOfCapacity)]
SOLD_OUT = {"fault": "status", "status": 409, "body": "Out of stock"}
REFUSED = [SOLD_OUT, *(fault for kind, fault in REFUSALS if kind not in (OutOfCapacity, NotFound))]
CHANGES = [*UNCLEAR, *REFUSED]


def named(value: Any) -> str:
    """Return a parameter as the test's name shows it."""
    return value.__name__ if isinstance(value, type) else " ".join(str(part) for part in value.values() if part != ECHO)


def in_one_line(error: BaseException) -> str:
    """Return the text of an error, which must be one line without a secret."""
    text = str(error)
    assert isinstance(error, CloudError) and text and text == describe(error), repr(error)
    assert "\n" not in text and CANARY not in text and "Traceback" not in text
    return text


@pytest.mark.parametrize(("kind", "fault"), REFUSALS, ids=named)
def test_a_create_that_is_refused_makes_nothing(subject: Subject, kind: type[CloudError], fault: Any) -> None:
    subject.account.fail_creates(**fault)
    with pytest.raises(CloudError) as refused:
        subject.run().up("it", subject.inputs())
    assert type(refused.value) is kind
    assert subject.cloud.title in in_one_line(refused.value)
    assert subject.account.ever() == []


@pytest.mark.parametrize(
    ("key", "kind"), [("wrong", Unauthorized), ("forbidden", Forbidden)], ids=["wrong", "forbidden"]
)
def test_a_key_that_is_not_accepted_is_named_by_where_it_is_set(
    subject: Subject, key: str, kind: type[CloudError]
) -> None:
    with pytest.raises(kind) as refused:
        subject.run(key=key).up("it", subject.inputs())
    text = in_one_line(refused.value)
    assert subject.cloud.api_key_config in text and subject.cloud.api_key_environment in text
    assert subject.account.ever() == [] and subject.account.creates() == 0


def test_without_a_key_a_create_says_where_to_set_one(subject: Subject) -> None:
    run = subject.run(key="")
    news = run.check("it", subject.inputs(), None)  # A preview needs none.
    with pytest.raises(CloudError) as refused:
        run.create("it", news)
    assert subject.cloud.api_key_config in in_one_line(refused.value)


def test_a_list_that_cannot_be_read_creates_nothing(subject: Subject) -> None:
    for fault in READS:
        subject.account.fail_reads(**fault)
        with pytest.raises(CloudError) as refused:
            subject.run().up("it", subject.inputs())
        in_one_line(refused.value)
        subject.account.clear_faults()
    assert subject.account.creates() == 0


def test_a_read_that_fails_never_says_gone(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs())
    for fault in READS:
        subject.account.fail_reads(**fault)
        with pytest.raises(CloudError) as refused:
            subject.run().refresh("it", made)
        in_one_line(refused.value)
        subject.account.clear_faults()
    assert subject.run().refresh("it", made) is not None
    subject.remove(made)


def test_a_list_that_comes_back_empty_never_says_gone(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs())
    subject.account.fail_reads("empty_list")
    read = subject.run().refresh("it", made)
    assert read is not None and read.id == made.id
    subject.account.clear_faults()
    subject.remove(made)


def test_another_account_that_lacks_it_never_says_gone(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs())
    subject.account.vanish(made.id)
    for ask in (lambda run: run.refresh("it", made), lambda run: run.delete("it", made)):
        with pytest.raises(Refusal, match="another key or address") as refused:
            ask(subject.run(key="another-good-key"))
        in_one_line(refused.value)


def test_another_key_that_shows_the_rest_of_the_state_is_of_the_same_account(subject: Subject) -> None:
    gone, other = subject.run().up("it", subject.inputs()), subject.run().up("other", subject.inputs("other"))
    subject.account.vanish(gone.id)
    run = subject.run(key="another-good-key")
    assert run.refresh("other", other) is not None
    assert run.refresh("it", gone) is None
    subject.remove(other)


def test_a_reference_to_what_does_not_exist_is_an_error(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs())
    reference = State(made.id, {})
    assert subject.run().refresh("theirs", reference) is not None
    subject.remove(made)
    with pytest.raises(Refusal, match="no such id") as refused:
        subject.run().refresh("theirs", reference)
    in_one_line(refused.value)


GONE_ANSWERS: list[dict[str, Any]] = [
    *({"fault": "status", "status": status} for status in (400, 403, 404, 409, 410, 422, 500)),
    {"fault": "status", "status": 204, "body": ""},
    {"fault": "status", "status": 200, "body": {}},
    {"fault": "status", "status": 200, "body": "OK"},
]
"""What clouds say to the delete of what is gone."""


@pytest.mark.parametrize("answer", GONE_ANSWERS, ids=named)
def test_a_delete_of_what_is_gone_comes_to_an_end_however_it_is_answered(subject: Subject, answer: Any) -> None:
    made = subject.run().up("it", subject.inputs())
    subject.account.vanish(made.id)
    subject.account.fail_changes(**answer)
    subject.run().delete("it", made)


def test_an_update_that_is_refused_is_said_and_can_be_repeated(subject: Subject) -> None:
    made, inputs = _to_be_updated(subject)
    for fault in [*REFUSED, {"fault": "status", "status": 404}]:
        subject.account.fail_changes(**fault)
        with pytest.raises(CloudError) as refused:
            subject.run().up("it", inputs, made)
        in_one_line(refused.value)
        subject.account.clear_faults()
    _finish_update(subject, inputs, made)


def test_an_update_whose_answer_is_unclear_is_kept_and_settled_by_the_next(subject: Subject) -> None:
    made, inputs = _to_be_updated(subject)
    for fault in UNCLEAR:
        subject.account.fail_changes(**fault)
        made = subject.run().up("it", inputs, made)
        assert made.wait is not None and "\n" not in str(made.wait), fault
        subject.account.clear_faults()
    _finish_update(subject, inputs, made)


def _to_be_updated(subject: Subject) -> tuple[State, dict[str, Any]]:
    if subject.example.in_place is None:
        pytest.skip(f"nothing of a {subject.token} changes in place")
    return subject.run().up("it", subject.inputs()), subject.inputs(**subject.example.in_place)


def _finish_update(subject: Subject, inputs: dict[str, Any], made: State) -> None:
    updated = subject.run().up("it", inputs, made)
    assert (updated.id, updated.wait) == (made.id, None)
    subject.remove(updated)


def test_a_delete_that_fails_is_said_and_can_be_repeated(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs())
    for fault in CHANGES:
        subject.account.fail_changes(**fault)
        with pytest.raises(CloudError) as refused:
            subject.run().delete("it", made)
        in_one_line(refused.value)
        subject.account.clear_faults()
    assert subject.account.alive() == [made.id]
    subject.remove(made)


def test_nobody_at_the_address(subject: Subject) -> None:
    made = subject.run().up("it", subject.inputs())
    with socket.socket() as taken:
        taken.bind(
            ("127.0.0.1", 0)
        )  # Bound, so that nobody else gets the port, and not listening, so that it refuses connections.
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        run = subject.run(base_url=nowhere)
        for ask in (lambda: run.up("new", subject.inputs("new")), lambda: run.refresh("it", made)):
            with pytest.raises(Unavailable) as refused:
                ask()
            assert nowhere in in_one_line(refused.value) and "gpufleet simulate" in str(refused.value)
    assert subject.account.creates() == 1
    subject.remove(made)
