"""One wait, told step by step: no thread and no clock but the numbers below."""

import pytest
from gpufleet_provider.model.errors import (
    CloudError,
    Forbidden,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    WaitBlocked,
    WaitCancelled,
    WaitEnded,
    WaitFailed,
    WaitTimedOut,
    WaitUnanswered,
)
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Readiness
from gpufleet_provider.model.text import LONGEST_LINE
from gpufleet_provider.waiting.wait import Wait, age

GONE = NotFound("no such thing")
DOWN = Unavailable("Acme answered 503")


def judge(raw: Properties | None) -> Readiness:
    if raw is None:
        return Readiness("failed", "it is gone")
    states = {"Ready": "ready", "Broken": "failed", "Paused": "blocked"}
    return Readiness(states.get(raw["status"], "pending"), str(raw["status"]))  # type: ignore[arg-type]


def gone(raw: Properties | None) -> Readiness:
    return Readiness("ready", "gone") if raw is None else Readiness("pending", str(raw["status"]))


def waiting(deadline_seconds: float = 5400.0) -> Wait:
    return Wait("acme:Thing t1", judge, 1000.0, deadline_seconds)


def test_a_reply_is_judged_when_it_has_changed():
    judged: list[Properties | None] = []

    def counting(raw: Properties | None) -> Readiness:
        judged.append(raw)
        return judge(raw)

    watch = Wait("acme:Thing t1", counting, 0.0, 60.0)
    assert not watch.record({"status": "Waiting"}, 1.0)
    assert not watch.record({"status": "Waiting"}, 2.0)
    assert watch.record({"status": "Ready"}, 3.0)
    assert judged == [{"status": "Waiting"}, {"status": "Ready"}]


@pytest.mark.parametrize(("status", "kind"), [("Broken", WaitFailed), ("Paused", WaitBlocked)])
def test_what_will_not_become_ready_ends_the_wait_with_the_reply(status: str, kind: type[WaitEnded]):
    with pytest.raises(kind) as raised:
        waiting().record({"status": status}, 1001.0)
    assert "acme:Thing t1" in str(raised.value) and status in str(raised.value)
    assert (raised.value.last_message, raised.value.raw) == (status, {"status": status})


def test_early_404s_are_tolerated_however_many():
    watch = waiting()
    for second in range(0, 59, 2):
        assert not watch.record(GONE, 1000.0 + second)
    assert watch.next_line(1058.0) == "the cloud does not show it yet · 58 s"
    assert watch.record({"status": "Ready"}, 1061.0)


def test_late_404s_are_believed_after_a_run_of_them():
    watch = waiting()
    assert not watch.record({"status": "Waiting"}, 1000.0)
    assert not watch.record(GONE, 1100.0)
    assert not watch.record(GONE, 1115.0)
    assert not watch.record({"status": "Waiting"}, 1130.0)
    assert watch.next_line(1130.0) == "Waiting · 2 min"
    assert not watch.record(GONE, 1145.0)
    assert not watch.record(GONE, 1160.0)
    with pytest.raises(WaitFailed) as raised:
        watch.record(GONE, 1175.0)
    assert "it is gone" in str(raised.value) and raised.value.raw == {"status": "Waiting"}


def test_a_delete_believes_the_first_404():
    watch = Wait("acme:Thing t1", gone, 0.0, 60.0, gone_is_expected=True)
    assert not watch.record({"status": "Deleting"}, 0.0)
    assert watch.record(GONE, 1.0)


@pytest.mark.parametrize("expected", [True, False])
def test_no_fault_is_ever_taken_for_gone(expected: bool):
    watch = Wait("acme:Thing t1", gone, 0.0, 10_000.0, gone_is_expected=expected)
    for number, fault in enumerate([DOWN, RateLimited("429"), Unauthorized("401"), DOWN, Forbidden("403")]):
        assert not watch.record(fault, float(number))
    assert not watch.record({"status": "Deleting"}, 10.0)


def test_a_run_of_failures_must_be_long_in_number_and_in_time():
    many_at_once = waiting()
    for number in range(100):
        assert not many_at_once.record(DOWN, 1000.0 + number)
    few_for_long = waiting()
    for number in range(4):
        assert not few_for_long.record(DOWN, 1000.0 + number * 600)
    interrupted = waiting()
    for number in range(40):
        assert not interrupted.record({"status": "Waiting"} if number % 4 == 3 else DOWN, 1000.0 + number * 100)
    both = waiting()
    both.record({"status": "Waiting"}, 1000.0)
    with pytest.raises(WaitUnanswered) as raised:
        for number in range(6):
            both.record(DOWN, 1015.0 + number * 75)
    assert "Acme answered 503" in str(raised.value) and "last seen: Waiting" in str(raised.value)
    assert raised.value.raw == {"status": "Waiting"} and isinstance(raised.value, WaitTimedOut)


@pytest.mark.parametrize("refusal", [Unauthorized("401: Set a valid key"), Forbidden("403")])
def test_a_refused_key_ends_the_wait_at_the_third_time(refusal: CloudError):
    watch = waiting()
    assert not watch.record(refusal, 1000.0)
    assert not watch.record(refusal, 1002.0)
    with pytest.raises(WaitUnanswered) as raised:
        watch.record(refusal, 1004.0)
    assert str(refusal) in str(raised.value) and "`pulumi up` resumes" in str(raised.value)


def test_lines_come_with_each_new_message_and_once_a_minute():
    watch = waiting()
    watch.record({"status": "InstallingDrivers"}, 1002.0)
    lines = {second: watch.next_line(1000.0 + second) for second in range(2, 130)}
    assert {second: line for second, line in lines.items() if line} == {
        2: "InstallingDrivers · 2 s",
        62: "InstallingDrivers · 1 min",
        122: "InstallingDrivers · 2 min",
    }
    watch.record({"status": "Testing"}, 1131.0)
    assert watch.next_line(1131.0) == "Testing · 2 min"


def test_a_failed_poll_shows_in_the_line_and_goes_away():
    watch = waiting()
    watch.record({"status": "Testing"}, 1002.0)
    assert watch.next_line(1002.0) == "Testing · 2 s"
    watch.record(DOWN, 1010.0)
    assert watch.next_line(1010.0) == "Testing · 10 s · no answer for 0 s: Acme answered 503"
    watch.record(DOWN, 1020.0)
    assert watch.next_line(1020.0) is None
    watch.record({"status": "Testing"}, 1030.0)
    assert watch.next_line(1030.0) == "Testing · 30 s"


def test_the_deadline_tells_the_last_message_how_long_it_stood_and_how_to_resume():
    watch = waiting()
    watch.record({"status": "InstallingDrivers · 3 of 8 nodes running"}, 1000.0 + 50 * 60)
    watch.check_deadline(1000.0 + 5399.0)
    with pytest.raises(WaitTimedOut) as raised:
        watch.check_deadline(1000.0 + 5400.0)
    assert str(raised.value) == (
        "acme:Thing t1 is not ready after 1 h 30 min: InstallingDrivers · 3 of 8 nodes running, unchanged for 40 min. "
        "It may cost money already; `pulumi up` resumes"
    )
    assert raised.value.raw == {"status": "InstallingDrivers · 3 of 8 nodes running"}


def test_the_deadline_of_a_delete_speaks_of_a_delete():
    watch = Wait("acme:Thing t1", gone, 0.0, 1800.0, gone_is_expected=True)
    watch.record({"status": "deleting"}, 1.0)
    watch.record(DOWN, 1799.0)
    with pytest.raises(WaitTimedOut) as raised:
        watch.check_deadline(1800.0)
    assert "is not gone after 30 min: deleting" in str(raised.value)
    assert "the last poll failed: Acme answered 503" in str(raised.value)
    assert "`pulumi up` resumes" not in str(raised.value)


def test_something_is_due_at_the_next_line_or_the_deadline():
    watch = waiting(deadline_seconds=100.0)
    watch.record({"status": "Waiting"}, 1001.0)
    watch.next_line(1001.0)
    assert watch.seconds_until_due(1001.0) == 60.0
    assert watch.seconds_until_due(1031.0) == 30.0
    watch.next_line(1061.0)
    assert watch.seconds_until_due(1061.0) == 39.0
    assert watch.seconds_until_due(1500.0) == 0.0


def test_a_cancelled_wait_keeps_what_was_seen():
    watch = waiting()
    watch.record({"status": "Waiting"}, 1001.0)
    cancelled = watch.cancelled("the run was cancelled")
    assert isinstance(cancelled, WaitCancelled) and cancelled.raw == {"status": "Waiting"}
    assert "the run was cancelled" in str(cancelled) and "last seen: Waiting" in str(cancelled)


def test_a_judge_that_stumbles_does_not_cost_the_id():
    watch = Wait("acme:Thing t1", lambda raw: judge({}), 0.0, 60.0)
    with pytest.raises(WaitUnanswered) as raised:
        watch.record({"status": "Waiting"}, 1.0)
    assert "acme:Thing t1" in str(raised.value) and raised.value.raw == {"status": "Waiting"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_ages_are_read_at_a_glance(seconds: float, text: str):
    assert age(seconds) == text


def lacking(raw: Properties | None) -> Readiness:
    assert raw is not None
    return Readiness("pending", raw["status"], raw.get("missing", ""))


def test_what_alone_is_missing_is_given_up_when_nothing_has_changed_for_long():
    watch = Wait("acme:Thing t1", lacking, 1000.0, 5400.0)
    assert not watch.record({"status": "Ready", "missing": "its key is not shown"}, 1010.0)
    assert watch.is_ready_but_for_one_thing
    assert watch.missing_for_long(1309.0) is None
    watch.next_line(1300.0)
    assert watch.seconds_until_due(1300.0) == 10.0
    assert watch.missing_for_long(1310.0) == "its key is not shown after 5 min"


def test_what_is_missing_beside_others_is_waited_for():
    watch = Wait("acme:Thing t1", lacking, 1000.0, 5400.0)
    watch.record({"status": "Ready", "missing": "its key is not shown"}, 1010.0)
    watch.record({"status": "Booting"}, 1300.0)
    assert watch.missing_for_long(2000.0) is None and not watch.is_ready_but_for_one_thing
    watch.record({"status": "Ready", "missing": "its key is not shown"}, 2000.0)
    assert watch.missing_for_long(2299.0) is None
    assert watch.missing_for_long(2300.0) is not None


def test_a_message_of_any_length_is_a_line():
    watch = waiting()
    watch.record({"status": "x\x1b[2J\n" * 1_000_000}, 1001.0)
    line = watch.next_line(1001.0) or ""
    assert len(line) < LONGEST_LINE + 100 and line.isprintable()
