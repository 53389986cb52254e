"""Whatever is killed, cut off, interrupted or full: no cluster is lost, none is paid twice, every state loads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from .circumstances import SecondClone, heal, shown_gpus, told_to_import
from .crash_plans import Plan, plan_of
from .crashing import assert_told_plainly, crashed, settled, small_disk
from .processes import end_all, has_ended, marked_environment, stock_server_environment, wait_until
from .stacks import Run, Stack
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
    with contextlib.ExitStack() as opened:
        if plan.fault == "full disk":
            opened.enter_context(small_disk(tmp_path / "project" / ".state"))
        stack = new_stack(environment=marked_environment() | ({} if plan.is_upgraded else stock_server_environment()))
        opened.callback(end_all, stack)
        try:
            Crash(stack, plan, new_stack, record_property).run()
        except AssertionError as error:
            raise AssertionError(f"{plan}\n{error}") from error


class Crash:
    """One plan on one stack: into the fault, perhaps into a second one, and back."""

    def __init__(
        self,
        stack: Stack,
        plan: Plan,
        new_stack: Callable[..., Stack],
        record_property: Callable[[str, object], None],
    ) -> None:
        self.stack, self.plan, self.record = stack, plan, record_property
        self.healed: set[str] = set()
        self.import_id = ""
        for cloud, switches in plan.switches.items():
            stack.simulator.switch(cloud, **switches)
        self.clone = SecondClone(new_stack) if plan.circumstance == "second clone" else None

    def run(self) -> None:
        """Crash, come back, and leave nothing."""
        plan, clone = self.plan, self.clone
        try:
            self._crash()
            if plan.second is not None:
                self._crash_again(plan.second)
            self._come_back()
            if clone is not None:
                clone.leave()
            self._assert_that_nothing_is_left()
        finally:
            if clone is not None:
                clone.end()

    # Into the fault.

    def _crash(self) -> None:
        stack, plan = self.stack, self.plan
        if plan.circumstance == "healed failure":
            stack.simulator.fault("provisioning_failed", name=f"{plan.failing}-*")
        stack.write(plan.program(changed=False))
        if plan.phase != "up":
            run = settled(stack, "up")
            assert (run.exit_code == 0) == (plan.circumstance != "healed failure"), run.output
            self._heal()
            stack.write(plan.program(changed=True))
        self._run_into(plan, "destroy" if plan.phase == "destroy" else "up", plan.fault)
        if plan.phase == "up":
            self._heal()
        self._write_the_program_of_the_way_back()
        if self.clone is not None:
            self.clone.want(plan.program(changed=True))

    def _heal(self) -> None:
        if self.plan.circumstance == "healed failure":
            self.healed |= heal(self.stack, self.plan.failing)

    def _write_the_program_of_the_way_back(self) -> None:
        self.stack.write(self.plan.program(changed=not self.plan.is_taken_back, import_id=self.import_id))

    def _crash_again(self, second: Plan) -> None:
        """Let the first `up` after the crash, with the lock out of its way, run into a fault of its own."""
        self.stack.run("cancel", "--yes", "--stack", self.stack.name)
        self._run_into(second, "up", f"{second.fault}, on the way back")

    def _run_into(self, plan: Plan, verb: str, what: str) -> None:
        stack = self.stack
        run, hit = crashed(stack, plan, verb, "--yes", "--skip-preview", "--stack", stack.name)
        self.record("fault hit" if hit else "fault missed", what)
        if plan.circumstance is not None:
            self.record("fault hit" if self._was_met(plan, run) else "fault missed", plan.circumstance)
        stack.simulator.clear_faults()
        assert_told_plainly(run, plan.is_upgraded)
        loaded(stack)
        if plan.is_patient:
            assert wait_until(lambda: has_ended(stack)), "the plugin outlives its engine"

    def _was_met(self, plan: Plan, run: Run) -> bool:
        """Whether what the circumstance does has really been done."""
        besides = {"altered", "reply_lost", "provisioning_failed"}
        if plan.circumstance in ("odd reply", "lost update"):
            return any(it["hits"] for it in self.stack.simulator.faults() if it["fault"] in besides)
        if plan.circumstance == "healed failure":
            return bool(self.healed) or "Provisioning failed" in run.output
        return True

    # And back.

    def _come_back(self) -> None:
        stack, plan = self.stack, self.plan
        if not plan.goes_straight_to_destroy:
            run = self._settled_up()
            assert run.exit_code == 0, f"the second `up` after the crash failed:\n{run.output}"
            self._assert_that_state_and_clouds_agree()
            if plan.circumstance is not None:
                self._assert_that_it_is_settled()
        destroyed = settled(stack, "destroy")
        assert destroyed.exit_code == 0, destroyed.output
        # The provider of a create whose result is not known stays: its id tells this state from others.
        left = [it for it in loaded(stack) if not it["type"].startswith("pulumi:providers:")]
        assert left == []

    def _assert_that_it_is_settled(self) -> None:
        """Once the user has done what the messages say, another `up` changes nothing, and what is declared runs."""
        stack, plan = self.stack, self.plan
        if plan.is_taken_back or plan.circumstance == "respelled name":
            assert settled(stack, "refresh").exit_code == 0
        if plan.is_taken_back:
            assert settled(stack, "up").exit_code == 0
        same = stack.up("--expect-no-changes")
        assert same.exit_code == 0, f"another `up` changes something:\n{same.output}"
        self._assert_that_state_and_clouds_agree()
        self._assert_that_the_program_holds()

    def _settled_up(self) -> Run:
        run = settled(self.stack, "up")
        if run.exit_code != 0:
            self.import_id = told_to_import(run)
            self._write_the_program_of_the_way_back()
            run = settled(self.stack, "up")
        return run

    def _living(self) -> set[str]:
        others = self.clone.ids if self.clone is not None else set[str]()
        return {it["id"] for it in self.stack.live_clusters()} - others

    def _assert_that_state_and_clouds_agree(self) -> None:
        plan, known, living = self.plan, cluster_ids(self.stack), self._living()
        assert living <= known.keys(), f"clusters run that the state does not know: {living - known.keys()}"
        if plan.phase != "destroy":
            assert living == known.keys() and len(known) == len(plan.clusters), (known, living)
        if plan.phase in ("up", "update"):
            assert self.healed <= living, f"what had healed is gone: {self.healed - living}"

    def _assert_that_the_program_holds(self) -> None:
        wanted = 16 if self.plan.phase == "update" and not self.plan.is_taken_back else 8
        gpus = {id: shown for id, shown in shown_gpus(self.stack).items() if id in self._living()}
        assert set(gpus.values()) <= {wanted}, f"{wanted} GPUs are declared: {gpus}"

    def _assert_that_nothing_is_left(self) -> None:
        stack = self.stack
        ledger = stack.simulator.ledger()
        left = [it for kind in ("clusters", "volumes") for it in ledger[kind] if it["deleted_at"] is None]
        assert left == []
        for life in stack.simulator.live_history():
            assert life["max_live"] <= (2 if self.plan.creates_first else 1), f"too many lived at once: {life}"
        assert wait_until(lambda: has_ended(stack)), "a process outlives its engine"
