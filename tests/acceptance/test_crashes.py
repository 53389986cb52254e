"""Whatever is killed, cut off, interrupted or full: no cluster is lost, none is paid twice, every state loads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from .crash_plans import Plan, plan_of
from .crashing import assert_told_plainly, crashed, settled, small_disk
from .processes import end_all, has_ended, marked_environment, stock_server_environment, wait_until
from .stacks import Stack
from .state_files import cluster_ids, loaded

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="telling processes apart needs /proc"),
]


def test_nothing_is_lost_or_paid_twice(
    crash_seed: int,
    engine: str,
    new_stack: Callable[..., Stack],
    record_property: Callable[[str, object], None],
    tmp_path: Path,
) -> None:
    plan = plan_of(crash_seed)
    if engine == "pulumi" and plan.needs_a_disk:
        pytest.skip("the Pulumi CLI writes its checkpoint in place: a full disk leaves half of one")
    with contextlib.ExitStack() as disks:
        if plan.fault == "full disk":
            disks.enter_context(small_disk(tmp_path / "project" / ".state"))
        stack = new_stack(environment=marked_environment() | ({} if plan.is_upgraded else stock_server_environment()))
        try:
            hit = _crash(stack, plan)
            record_property("fault hit" if hit else "fault missed", plan.fault)
            if plan.second is not None:
                hit = _crash_again(stack, plan.second)
                record_property("fault hit" if hit else "fault missed", f"{plan.second.fault}, on the way back")
            _come_back(stack, plan)
        except AssertionError as error:
            raise AssertionError(f"{plan}\n{error}") from error
        finally:
            end_all(stack)


def _crash(stack: Stack, plan: Plan) -> bool:
    for cloud, switches in plan.switches.items():
        stack.simulator.switch(cloud, **switches)
    stack.write(plan.program(changed=False))
    if plan.phase != "up":
        assert settled(stack, "up").exit_code == 0
        stack.write(plan.program(changed=True))
    return _run_into(stack, plan, "destroy" if plan.phase == "destroy" else "up")


def _crash_again(stack: Stack, plan: Plan) -> bool:
    """Let the first `up` after the crash, with the lock out of its way, run into a fault of its own."""
    stack.run("cancel", "--yes", "--stack", stack.name)
    return _run_into(stack, plan, "up")


def _run_into(stack: Stack, plan: Plan, verb: str) -> bool:
    run, hit = crashed(stack, plan, verb, "--yes", "--skip-preview", "--stack", stack.name)
    stack.simulator.clear_faults()
    assert_told_plainly(run, plan.is_upgraded)
    loaded(stack)
    if plan.is_patient:
        assert wait_until(lambda: has_ended(stack)), "the plugin outlives its engine"
    return hit


def _come_back(stack: Stack, plan: Plan) -> None:
    if not plan.goes_straight_to_destroy:
        run = settled(stack, "up")
        if run.exit_code != 0:
            run = settled(stack, "up")
        assert run.exit_code == 0, f"the second `up` after the crash failed:\n{run.output}"
        known, living = cluster_ids(stack), {it["id"] for it in stack.live_clusters()}
        assert living <= known.keys(), f"clusters run that the state does not know: {living - known.keys()}"
        if plan.phase != "destroy":
            assert living == known.keys() and len(known) == len(plan.clusters), (known, living)
    destroyed = settled(stack, "destroy")
    assert destroyed.exit_code == 0, destroyed.output
    assert loaded(stack) == []
    ledger = stack.simulator.ledger()
    left = [it for kind in ("clusters", "volumes") for it in ledger[kind] if it["deleted_at"] is None]
    assert left == []
    for life in stack.simulator.live_history():
        assert life["max_live"] <= (2 if plan.creates_first else 1), f"too many lived at once: {life}"
    assert wait_until(lambda: has_ended(stack)), "a process outlives its engine"
