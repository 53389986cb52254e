"""One command and what it cost: wall and processor time, and the peak memory of every process that had a part in it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MARK = "GPUFLEET_BENCH_COMMAND"
"""An environment variable that every process of a command inherits, whatever group or session it is in."""
_SAMPLE_SECONDS = 0.1
_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchFailed(Exception):
    """A command did not do what is to be measured: its figures would mean nothing."""


@dataclass(frozen=True)
class Measured:
    """What one command cost."""

    wall_seconds: float
    processor_seconds: dict[str, float]
    """By part played (`engine`, `program`, `plugin`, `other`); it stays comparable when something else runs beside."""
    peak_bytes: dict[str, int]
    """By part played. Both are empty where there is no /proc."""
    output: str


@dataclass
class _Watch:
    """Samples the high-water marks of all processes that carry a mark."""

    mark: bytes
    ours: set[int] = field(default_factory=set[int])
    peak_bytes: dict[str, int] = field(default_factory=dict[str, int])
    _processor_seconds: dict[int, tuple[str, float]] = field(default_factory=dict[int, tuple[str, float]])
    _strangers: set[int] = field(default_factory=set[int])
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self.sample()

    def end(self) -> None:
        self._over.set()

    def sample(self) -> None:
        if not _PROC.is_dir():
            return
        living = {int(entry) for entry in os.listdir(_PROC) if entry.isdigit()}
        self.ours &= living
        self._strangers &= living
        for pid in living - self.ours - self._strangers:
            with contextlib.suppress(OSError):
                (self.ours if self.mark in (_PROC / str(pid) / "environ").read_bytes() else self._strangers).add(pid)
        for pid in self.ours:
            with contextlib.suppress(OSError, ValueError, StopIteration):
                command = (_PROC / str(pid) / "cmdline").read_bytes()
                if not command:
                    # It has ended, and only waits to be reaped: it was counted when it still had a name.
                    continue
                part = _part(command.decode(errors="replace").split("\0"))
                lines = (_PROC / str(pid) / "status").read_text().splitlines()
                kilobytes = int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
                self.peak_bytes[part] = max(self.peak_bytes.get(part, 0), kilobytes * 1024)
                # After the name, which may hold anything, in parentheses: the 12th and 13th are user and system time.
                ticks = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[11:13]
                self._processor_seconds[pid] = part, sum(map(int, ticks)) / _TICKS_PER_SECOND

    def processor_seconds(self) -> dict[str, float]:
        by_part: dict[str, float] = {}
        for part, seconds in self._processor_seconds.values():
            by_part[part] = by_part.get(part, 0.0) + seconds
        return by_part


def _part(command: Sequence[str]) -> str:
    """Which part a process plays in a deployment."""
    words = {Path(word).name for word in command if word}
    if "pulumi.dynamic" in words:
        return "plugin"
    if words & {"program_host.py", "pulumi-language-python-exec"}:
        return "program"
    if "pulumi_embedded" in words or Path(command[0]).name in ("pulumi", "pulumi-embedded"):
        return "engine"
    return "other"


def measure(command: Sequence[str], directory: Path, environment: Mapping[str, str], limit_seconds: float) -> Measured:
    """Run a command to its end; raises BenchFailed with its last lines when it fails or takes longer than allowed."""
    mark = uuid.uuid4().hex
    watch = _Watch(f"{MARK}={mark}".encode())
    sampler = threading.Thread(target=watch.run, daemon=True)
    shown = " ".join(Path(word).name for word in command[:4])
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=directory,
        env={**environment, MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    sampler.start()
    try:
        output, _ = process.communicate(timeout=limit_seconds)
        wall_seconds = time.monotonic() - began
    except BaseException as error:
        watch.sample()
        for pid in {process.pid, *watch.ours}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise BenchFailed(f"`{shown}` took more than {limit_seconds:g} s") from None
        raise
    finally:
        watch.end()
        sampler.join()
    if process.returncode != 0:
        raise BenchFailed(f"`{shown}` ended with {process.returncode}:\n" + "\n".join(output.splitlines()[-30:]))
    return Measured(wall_seconds, watch.processor_seconds(), watch.peak_bytes, output)
