"""A resource that is not ready keeps its id; the next run continues to wait, or replaces what has failed."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.errors import CloudError
from gpufleet_provider.model.state_properties import WAIT

from tests.conformance.conftest import Subject
from tests.conformance.run import State
from tests.conformance.simulated import CANARY


def skip_if_ready_at_once(subject: Subject) -> None:
    if subject.example.ready_at_once:
        pytest.skip(f"a {subject.token} is ready as soon as it is made")


@pytest.mark.parametrize("timeout_seconds", [None, 2400.0], ids=["default limit", "limit of 40 minutes"])
def test_a_create_whose_time_is_up_keeps_the_id_and_the_next_run_waits_on(
    subject: Subject, timeout_seconds: float | None
) -> None:
    skip_if_ready_at_once(subject)
    subject.stop_clock()
    begun_seconds = subject.clock.ahead_seconds
    made = subject.run().up("it", subject.inputs(), timeout_seconds=timeout_seconds)
    assert made.wait is not None and (made.wait["state"], made.wait["during"]) == ("pending", "create")
    took_seconds = subject.clock.ahead_seconds - begun_seconds
    limit_seconds = timeout_seconds or subject.lifecycle.timeouts.create_seconds
    assert limit_seconds <= took_seconds <= limit_seconds + 20 * 60
    assert "is not ready after" in str(made.wait) and "`pulumi up` resumes" in str(made.wait)
    assert subject.account.alive() == [made.id]

    run = subject.run()
    planned = run.diff("it", run.check("it", subject.inputs(), made), made)
    assert planned.changes and not planned.replaces
    read = subject.run().refresh("it", made)
    assert read is not None and read.wait is not None
    subject.account.start_clock()
    ready = subject.run().up("it", subject.inputs(), read)
    assert (ready.id, ready.wait) == (made.id, None) and subject.account.creates() == 1
    assert subject.run().up("it", subject.inputs(), ready) == ready
    subject.remove(ready)


def test_a_create_that_fails_for_good_keeps_the_id_and_the_next_run_replaces_it(subject: Subject) -> None:
    if subject.example.failure is None:
        pytest.skip(f"a {subject.token} cannot fail once its create is accepted")
    subject.account.fail_creates(**subject.example.failure, times=1)
    made = subject.run().up("it", subject.inputs())
    assert made.wait is not None and (made.wait["state"], made.wait["during"]) == ("failed", "create")
    assert subject.account.alive() == [made.id]
    replaced = subject.run().up("it", subject.inputs(), made)
    assert replaced.wait is None and subject.account.alive() == [replaced.id] and subject.account.creates() == 2
    subject.remove(replaced)


def test_what_failed_and_has_healed_is_kept(subject: Subject) -> None:
    if subject.example.failure is None:
        pytest.skip(f"a {subject.token} cannot fail once its create is accepted")
    made = subject.run().up("it", subject.inputs())
    failed = State(made.id, {**made.outputs, WAIT: {"state": "failed", "words": "it had failed", "during": "create"}})
    healed = subject.run().up("it", subject.inputs(), failed)
    assert (healed.id, healed.wait) == (made.id, None) and subject.account.ever() == [made.id]
    subject.remove(made)


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "status", "status": 401},
        {"fault": "status", "status": 403},
        {"fault": "status", "status": 500},
        {"fault": "reset"},
        {"fault": "garbage"},
    ],
    ids=str,
)
def test_a_cloud_that_cannot_be_watched_any_more_costs_no_id(subject: Subject, fault: dict[str, Any]) -> None:
    subject.account.after_a_create(lambda: subject.account.fail_reads(**fault))
    made = subject.run().up("it", subject.inputs())
    assert made.wait is not None and made.wait["state"] == "pending"
    assert "\n" not in str(made.wait["words"]) and CANARY not in str(made.wait["words"])
    assert subject.account.alive() == [made.id] and subject.account.creates() == 1
    subject.account.clear_faults()
    ready = subject.run().up("it", subject.inputs(), made)
    assert (ready.id, ready.wait) == (made.id, None) and subject.account.creates() == 1
    subject.remove(ready)


def test_what_is_not_ready_yet_is_deleted_as_well(subject: Subject) -> None:
    skip_if_ready_at_once(subject)
    subject.stop_clock()
    made = subject.run().up("it", subject.inputs())
    subject.account.start_clock()
    subject.remove(made)


def test_what_is_left_before_it_is_ready_is_taken_over_and_waited_for(subject: Subject) -> None:
    skip_if_ready_at_once(subject)
    subject.stop_clock()
    lost = subject.run().up("it", subject.inputs())
    subject.account.start_clock()
    made = subject.run().up("it", subject.inputs())
    assert (made.id, made.wait) == (lost.id, None) and subject.account.creates() == 1
    subject.remove(made)


def test_a_delete_whose_time_is_up_keeps_the_resource_in_the_state(subject: Subject) -> None:
    if subject.example.gone_at_once:
        pytest.skip(f"a {subject.token} is gone as soon as it is deleted")
    made = subject.run().up("it", subject.inputs())
    subject.stop_clock()
    with pytest.raises(CloudError, match=r"was accepted, but it is not gone yet: .* is not gone after"):
        subject.run().delete("it", made)
    assert subject.account.alive() == [made.id]
    subject.account.start_clock()
    subject.remove(made)


def test_the_time_limits_are_those_that_the_readme_states(subject: Subject) -> None:
    limits = subject.lifecycle.timeouts
    assert (limits.create_seconds, limits.update_seconds, limits.delete_seconds) == (90 * 60, 60 * 60, 30 * 60)
