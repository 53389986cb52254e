"""The processes of one run: the engine, the program and the plugin, told apart, watched and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from .stacks import Run, Stack

Role = Literal["engine", "plugin", "program"]
MARK = "GPUFLEET_ACCEPTANCE_RUN"
"""The environment variable that every process of a stack's runs inherits, whatever session it opens."""
PATIENCE_SECONDS = 120.0

_PROGRAM_HOSTS = (b"program_host.py", b"pulumi-language-python-exec")


def marked_environment() -> dict[str, str]:
    """Return the environment that tells one stack's processes from everybody else's."""
    return {MARK: uuid.uuid4().hex}


def stock_server_environment() -> dict[str, str]:
    """Return the environment in which the plugin leaves Pulumi's plugin server as it is."""
    paths = [str(Path(__file__).with_name("stock_server")), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def is_upgraded(stack: Stack) -> bool:
    """Whether the plugins of a stack's runs upgrade their server: only then do they speak in one line."""
    return "stock_server" not in stack.environment.get("PYTHONPATH", "")


def processes_of(stack: Stack) -> dict[int, bytes]:
    """Return the command lines of what runs for a stack, by pid; zombies are not counted."""
    mark = f"{MARK}={stack.environment[MARK]}".encode()
    found: dict[int, bytes] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def has_ended(stack: Stack) -> bool:
    """Whether nothing of a stack's runs is left that could ask a cloud.

    The language host of the Pulumi CLI could not; it outlives an engine that is killed by some minutes.
    """
    return all(command.split(b"\0")[0].endswith(b"pulumi-language-python") for command in processes_of(stack).values())


def end_all(stack: Stack) -> None:
    """Kill whatever still runs for a stack."""
    for pid in processes_of(stack):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    """Return True as soon as a condition holds, False when the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


class Running:
    """A command that runs, its lines as they come."""

    def __init__(self, stack: Stack, *arguments: str, **options: Any) -> None:
        self.stack = stack
        self.lines: list[str] = []
        self._process = stack.start(*arguments, **options)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                self.lines.append(line)

    @property
    def pid(self) -> int:
        """The engine's pid, and that of its process group."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def pid_of(self, role: Role) -> int | None:
        """Return the pid of one of the three, None while it does not run."""
        if role == "engine":
            return self.pid if self.runs else None
        for pid, command in processes_of(self.stack).items():
            words = command.split(b"\0")
            if role == "plugin" and b"pulumi.dynamic" in words:
                return pid
            if role == "program" and any(word.endswith(_PROGRAM_HOSTS) for word in words):
                return pid
        return None

    def kill(self, role: Role) -> bool:
        """`kill -9` one of the three; False when it did not run."""
        pid = self.pid_of(role)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def interrupt(self) -> bool:
        """Do what a terminal does on Ctrl-C; False when nothing ran any more."""
        if not self.runs:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)
            return True
        return False

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Run:
        """Wait for the command to end; what it started may go on."""
        try:
            code = self._process.wait(timeout=seconds)
            self._reader.join(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"still running after {seconds:g} s:\n{self.output}") from None
        return Run(code, self.output, self.output)

    def end(self) -> None:
        """Kill whatever is left of the command."""
        end_all(self.stack)
        self._process.wait()
