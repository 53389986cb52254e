"""Ctrl-C, and an engine that dies, at the moments that could cost a cluster."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from .crashing import assert_told_plainly, settled
from .processes import Running, end_all, has_ended, marked_environment, wait_until
from .stacks import Stack
from .state_files import cluster_ids, loaded

PROGRAM = """
    for name in ("a", "b", "c"):
        together.Cluster(name, region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND", num_gpus=8,
            cuda_version="12.6", nvidia_driver_version="560")
"""
UP = ("up", "--yes", "--skip-preview", "--stack", "dev")
CLUSTERS = "/compute/clusters"


@pytest.fixture
def stack(new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    made = new_stack(environment=marked_environment())
    made.write(PROGRAM)
    yield made
    end_all(made)


def posts(stack: Stack) -> int:
    return stack.simulator.requests().get("POST /together/v1/compute/clusters", 0)


def during_the_look_up(stack: Stack) -> Running:
    """Start an `up`, and return while the cloud holds the last look at the list ahead of the creates."""
    rule = stack.simulator.fault("slow", method="GET", path=CLUSTERS, nth=2, delay_seconds=600)
    running = Running(stack, *UP)
    assert wait_until(lambda: any(it["hits"] for it in stack.simulator.faults() if it["id"] == rule))
    return running


def test_nothing_is_created_once_the_run_is_cancelled(stack: Stack) -> None:
    running = during_the_look_up(stack)
    running.interrupt()
    cancelled = running.wait()
    assert cancelled.exit_code != 0
    assert_told_plainly(cancelled)
    assert wait_until(lambda: has_ended(stack))
    stack.simulator.clear_faults()
    assert posts(stack) == 0 and cluster_ids(stack) == {}
    assert settled(stack, "up").exit_code == 0
    assert posts(stack) == len(cluster_ids(stack)) == 3


def test_nothing_is_created_once_the_engine_is_gone(stack: Stack) -> None:
    running = during_the_look_up(stack)
    assert running.kill("engine")
    assert running.wait().exit_code == -signal.SIGKILL
    stack.simulator.clear_faults()
    assert wait_until(lambda: has_ended(stack)), "the plugin outlives its engine"
    assert posts(stack) == 0
    assert settled(stack, "up").exit_code == 0
    assert posts(stack) == len(cluster_ids(stack)) == 3


def test_one_interrupt_ends_the_waits_and_keeps_every_id(stack: Stack) -> None:
    stack.simulator.fault("stuck", times=3)
    running = Running(stack, *UP)
    assert wait_until(lambda: len(stack.live_clusters()) == 3)
    living = {it["id"] for it in stack.live_clusters()}
    # The answers to all three creates have arrived once they are polled for.
    polls = stack.simulator.requests()[f"GET /together/v1{CLUSTERS}"]
    assert wait_until(lambda: stack.simulator.requests()[f"GET /together/v1{CLUSTERS}"] > polls + 1)
    running.interrupt()
    cancelled = running.wait()
    assert cancelled.exit_code != 0
    assert_told_plainly(cancelled)
    assert "`pulumi up` resumes" in cancelled.output
    assert cluster_ids(stack).keys() == living
    assert all(it.get("initErrors") for it in loaded(stack) if it["type"].endswith(":Cluster"))
    for id in living:
        stack.simulator.intervene(id, "recover")
    resumed = settled(stack, "up")
    assert resumed.exit_code == 0, resumed.output
    assert cluster_ids(stack).keys() == living and posts(stack) == 3
    assert not any(it.get("initErrors") for it in loaded(stack))


def test_a_second_interrupt_ends_the_run_at_once_and_loses_nothing(stack: Stack) -> None:
    stack.simulator.fault("slow", method="POST", path=CLUSTERS, times=3, accepted=True, delay_seconds=600)
    running = Running(stack, *UP)
    assert wait_until(lambda: len(stack.live_clusters()) == 3)
    living = {it["id"] for it in stack.live_clusters()}
    running.interrupt()
    assert wait_until(lambda: "interrupt again" in running.output or not running.runs)
    running.interrupt()
    running.wait()
    stack.simulator.clear_faults()
    resumed = settled(stack, "up")
    assert resumed.exit_code == 0, resumed.output
    assert cluster_ids(stack).keys() == living and len(stack.simulator.ledger()["clusters"]) == 3


@pytest.mark.parametrize("role", ["plugin", "program"])
def test_the_engine_outlives_what_it_started(stack: Stack, role: str) -> None:
    stack.simulator.fault("stuck", times=3)
    running = Running(stack, *UP)
    assert wait_until(lambda: len(stack.live_clusters()) == 3)
    living = {it["id"] for it in stack.live_clusters()}
    assert running.kill(role)  # pyright: ignore[reportArgumentType]
    for id in living:
        stack.simulator.intervene(id, "recover")
    ended = running.wait()
    assert ended.exit_code != 0
    assert_told_plainly(ended)
    assert "SIGKILL" in ended.output or stack.engine == "pulumi"
    resumed = settled(stack, "up")
    assert resumed.exit_code == 0, resumed.output
    assert cluster_ids(stack).keys() == living and len(stack.simulator.ledger()["clusters"]) == 3


def test_a_killed_change_that_the_program_takes_back_is_said_until_it_is_settled(stack: Stack) -> None:
    one = PROGRAM.replace('("a", "b", "c")', '("a",)')
    stack.write(one)
    assert settled(stack, "up").exit_code == 0
    rule = stack.simulator.fault("slow", method="PUT", accepted=True, delay_seconds=600)
    stack.write(one.replace("num_gpus=8", "num_gpus=16"))
    running = Running(stack, *UP)
    assert wait_until(lambda: any(it["hits"] for it in stack.simulator.faults() if it["id"] == rule))
    assert running.kill("engine")
    running.wait()
    assert wait_until(lambda: has_ended(stack))
    stack.simulator.clear_faults()
    assert stack.run("cancel", "--yes", "--stack", stack.name).exit_code == 0
    stack.write(one)
    for command in (stack.preview, stack.up, stack.preview):
        run = command()
        assert run.exit_code == 0, run.output
        assert "num_gpus is 16, declared 8, by an interrupted run or from outside" in run.output
    assert settled(stack, "refresh").exit_code == 0
    assert settled(stack, "up").exit_code == 0
    assert "declared 8" not in stack.preview().output
    (cluster,) = (it for it in loaded(stack) if it["type"].endswith(":Cluster"))
    assert cluster["outputs"]["num_gpus"] == 8
