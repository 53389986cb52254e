"""One command that goes wrong as a plan says, and the way back that a user is told."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from .crash_plans import DISK_FAULTS, REQUEST_FAULTS, Moment, Plan
from .processes import Running, end_all, is_upgraded, wait_until
from .stacks import Run, Stack
from .state_files import loaded

HOLD_SECONDS = 0.7
"""How long the cloud holds the request during which a process is hit."""
DISK_BYTES = 4 << 20


def crashed(stack: Stack, plan: Plan, *command: str) -> tuple[Run, bool]:
    """Run a command into the plan's fault; returns how it ended, and whether the fault really hit it."""
    simulator = stack.simulator
    if plan.fault in REQUEST_FAULTS:
        first = int(plan.moment.number)
        rule = simulator.fault(
            **REQUEST_FAULTS[plan.fault],
            method=plan.moment.method,
            nth=list(range(first, first + plan.repeated)),
        )
        for beside in plan.rules:
            simulator.fault(**beside)
        run = Running(stack, *command).wait()
        return run, _hits(stack, rule) > 0
    rule = _hold(stack, plan.moment)
    for beside in plan.rules:
        simulator.fault(**beside)
    running = Running(stack, *command)
    try:
        hit = _reached(running, plan.moment, rule) and _hit(running, plan)
        run = running.wait()
    except BaseException:
        running.end()
        raise
    finally:
        (stack.directory / ".state" / "ballast").unlink(missing_ok=True)
    if plan.fault in DISK_FAULTS:
        hit = hit and run.exit_code != 0 and "cannot write" in run.output
    if rule is not None:
        # What was on the wire when its sender died lands now; nobody could have looked it up before.
        time.sleep(HOLD_SECONDS)
    return run, hit


def _hold(stack: Stack, moment: Moment) -> str | None:
    if moment.kind != "request":
        return None
    return stack.simulator.fault(
        "slow",
        method=moment.method,
        nth=int(moment.number),
        delay_seconds=HOLD_SECONDS,
        accepted=moment.accepted or None,
    )


def _hits(stack: Stack, rule: str) -> int:
    return next(it["hits"] for it in stack.simulator.faults() if it["id"] == rule)


def _reached(running: Running, moment: Moment, rule: str | None) -> bool:
    """Wait for the moment; False when the command was over before."""
    started = time.monotonic()

    def is_now() -> bool:
        if rule is not None:
            return _hits(running.stack, rule) > 0
        if moment.kind == "line":
            return len(running.lines) >= moment.number
        return time.monotonic() - started >= moment.number

    wait_until(lambda: is_now() or not running.runs)
    time.sleep(moment.then_seconds)
    return running.runs


def _hit(running: Running, plan: Plan) -> bool:
    stack, fault = running.stack, plan.fault
    if fault == "kill -9 all":
        end_all(stack)
        return running.wait().exit_code != 0
    if fault.startswith("kill -9 "):
        role = fault.removeprefix("kill -9 ")
        # A plugin or a program that is not there yet is waited for.
        return wait_until(lambda: not running.runs or running.kill(role)) and running.wait().exit_code != 0  # pyright: ignore
    if fault.startswith("Ctrl-C"):
        hit = running.interrupt()
        if fault == "Ctrl-C twice":
            time.sleep(plan.moment.then_seconds or 0.05)
            return running.interrupt()
        return hit
    if fault == "SIGTERM":
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGTERM)
        return True
    if fault == "full disk":
        _fill(stack, leaving=plan.left_bytes)
    else:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (plan.left_bytes, resource.RLIM_INFINITY))
    return True


# --- Disks ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path) -> Generator[None]:
    """Mount a small file system of its own on a folder; skips the test where that is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a full disk needs the right to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=30, check=False)


def _fill(stack: Stack, leaving: int) -> None:
    ballast = stack.directory / ".state" / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            for _ in range(2 * DISK_BYTES // 4096):
                file.write(bytes(4096))
        file.truncate(max(0, file.tell() - leaving))


# --- The way back ---------------------------------------------------------------------------------------------------


def settled(stack: Stack, verb: str) -> Run:
    """Run `up` or `destroy`; when the lock of a dead process is in the way, do what the message says, and run again."""
    run: Run = getattr(stack, verb)()
    if "locked" in run.output:
        assert "cancel" in run.output and run.exit_code != 0, run.output
        cancelled = stack.run("cancel", "--yes", "--stack", stack.name)
        assert cancelled.exit_code == 0, cancelled.output
        run = getattr(stack, verb)()
    assert_told_plainly(run, is_upgraded(stack))
    loaded(stack)
    return run


def assert_told_plainly(run: Run, is_upgraded: bool = True) -> None:
    """A command that failed says so in one line for people; nothing in it is for those who wrote it.

    Pulumi's own plugin server, where it is not upgraded, adds a traceback to every error.
    """
    assert run.is_clean or not is_upgraded, run.output
    for noise in ("internal error", "this is a fault of pulumi-gpufleet"):
        assert noise not in run.output, run.output
    if run.exit_code not in (0, 130) and run.exit_code > 0:
        assert "error: " in run.output or "Cancellation requested" in run.output, run.output
