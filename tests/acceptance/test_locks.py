"""Two runs of one stack at the same moment: one is refused, and told how to go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .crashing import assert_told_plainly, settled
from .processes import Running, marked_environment, wait_until
from .stacks import Stack
from .state_files import cluster_ids

PROGRAM = """
    together.Cluster("train", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND", num_gpus=8,
        cuda_version="12.6", nvidia_driver_version="560")
"""
UP = ("up", "--yes", "--skip-preview", "--stack", "dev")


def test_of_two_at_once_one_is_refused(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(environment=marked_environment())
    stack.write(PROGRAM)
    # Whichever wins is kept busy until the other has come and gone.
    stack.simulator.fault("slow", method="POST", path="/compute/clusters", delay_seconds=600)
    both = [Running(stack, *UP), Running(stack, *UP)]
    assert wait_until(lambda: not all(running.runs for running in both))
    stack.simulator.clear_faults()
    runs = [running.wait() for running in both]
    refused = [run for run in runs if run.exit_code != 0]
    for run in refused:
        assert "locked" in run.output and "cancel" in run.output, run.output
        assert "Traceback" not in run.output
    # Of two that look at the very same moment, both may give up, as with Pulumi's own file backend.
    assert refused
    if len(refused) == 2:
        assert stack.up().exit_code == 0
    assert len(cluster_ids(stack)) == 1
    assert [it["max_live"] for it in stack.simulator.live_history()] == [1]
    assert settled(stack, "destroy").exit_code == 0


def test_a_run_is_refused_while_another_waits(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(environment=marked_environment())
    stack.write(PROGRAM)
    stack.simulator.fault("stuck")
    first = Running(stack, *UP)
    assert wait_until(lambda: bool(stack.live_clusters()))
    for command in (stack.up, stack.refresh, stack.destroy):
        second = command()
        assert second.exit_code != 0
        assert "locked" in second.output and f"pid {first.pid}" in second.output, second.output
        assert "cancel" in second.output
    # Only looking needs no lock.
    assert stack.preview().exit_code == 0
    stack.simulator.intervene(stack.live_clusters()[0]["id"], "recover")
    done = first.wait()
    assert done.exit_code == 0, done.output
    assert settled(stack, "destroy").exit_code == 0
    assert stack.live_clusters() == []


def test_the_lock_of_a_dead_run_is_named_and_cleared(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(environment=marked_environment())
    stack.write(PROGRAM)
    first = Running(stack, *UP)
    assert wait_until(lambda: bool(stack.live_clusters()))
    first.end()
    first.wait()
    refused = stack.up()
    assert refused.exit_code != 0
    assert f"pid {first.pid}" in refused.output and "cancel" in refused.output, refused.output
    if stack.engine == "embedded":
        assert "no longer runs" in refused.output and "cancel --stack dev" in refused.output
    assert settled(stack, "up").exit_code == 0
    assert settled(stack, "destroy").exit_code == 0
    assert stack.live_clusters() == []


@pytest.mark.parametrize("engine", ["embedded"], indirect=True)
def test_a_live_run_whose_lock_was_cleared_is_not_run_over(new_stack: Callable[..., Stack]) -> None:
    """Clearing the lock of what still runs is a mistake; its journal guards the state all the same."""
    stack = new_stack(environment=marked_environment())
    stack.write(PROGRAM)
    stack.simulator.fault("stuck")
    first = Running(stack, *UP)
    assert wait_until(lambda: bool(stack.live_clusters()))
    assert stack.run("cancel", "--yes", "--stack", stack.name).exit_code == 0
    second = stack.up()
    assert second.exit_code != 0
    assert_told_plainly(second)
    assert "another update is running" in second.output
    stack.simulator.intervene(stack.live_clusters()[0]["id"], "recover")
    done = first.wait()
    assert done.exit_code == 0, done.output
    assert len(cluster_ids(stack)) == len(stack.simulator.ledger()["clusters"]) == 1
    assert settled(stack, "destroy").exit_code == 0
