"""What stands in users' state under `__wait`: written as it always was, and read whatever is found there."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from hypothesis import given, settings

from tests.provider.model.test_comparing import JSON


@pytest.mark.parametrize(
    ("wait", "stands"),
    [
        (UnfinishedWait("pending", "w", "create"), {"state": "pending", "words": "w", "during": "create"}),
        (UnfinishedWait("failed", "w"), {"state": "failed", "words": "w", "during": "update"}),
        (
            UnfinishedWait("pending", "w", "create", 1_795_000_000.5),
            {"state": "pending", "words": "w", "during": "create", "accepted_unix_seconds": 1_795_000_000.5},
        ),
    ],
)
def test_the_state_keeps_its_keys(wait: UnfinishedWait, stands: dict[str, Any]) -> None:
    assert wait.to_property() == stands
    assert UnfinishedWait.from_outputs({"__wait": stands}) == wait


@pytest.mark.parametrize("outputs", [{}, {"__wait": None}, {"__wait": {}}])
def test_without_a_wait_a_resource_was_ready(outputs: dict[str, Any]) -> None:
    assert UnfinishedWait.from_outputs(outputs) is None


@pytest.mark.parametrize(
    "value",
    ["text", 7, [1], {"state": "lost"}, {"state": None, "words": None}, {"during": ["create"], "words": ""}],
)
def test_what_is_not_understood_is_waited_for_and_never_replaced(value: Any) -> None:
    wait = UnfinishedWait.from_property(value)
    assert wait is not None
    assert (wait.state, wait.during, wait.message) == ("pending", "update", "the state does not say why")


@pytest.mark.parametrize("accepted", ["soon", True, -1, float("nan"), float("inf"), 10**400, None, [1]])
def test_a_time_that_is_none_is_left_out(accepted: Any) -> None:
    wait = UnfinishedWait.from_property({"state": "pending", "words": "w", "accepted_unix_seconds": accepted})
    assert wait == UnfinishedWait("pending", "w")


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_no_content_of_a_state_raises(value: Any) -> None:
    wait = UnfinishedWait.from_property(value)
    assert wait is None or UnfinishedWait.from_property(wait.to_property()) == wait
