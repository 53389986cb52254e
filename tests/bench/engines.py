"""Machines without a cloud: what a deployment costs when no provider takes any time."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .measuring import BenchFailed
from .project import Engine, Project

MACHINES = Path(__file__).with_name("machines")


@dataclass(frozen=True)
class Machines:
    """One life of so many machines on one engine."""

    machines: int
    engine: Engine
    up_seconds: float
    preview_seconds: float
    refresh_seconds: float
    destroy_seconds: float
    processor_seconds: tuple[dict[str, float], ...]
    """By part played, command by command in that order."""
    peak_bytes: dict[str, int]

    @property
    def name(self) -> str:
        """The run in a few words."""
        return f"{self.machines}" if self.engine == "embedded" else f"{self.machines} {self.engine}"

    @property
    def up_milliseconds_each(self) -> float:
        """Time of `up` per machine, start of the processes included."""
        return 1000 * self.up_seconds / self.machines


def run_machines(directory: Path, machines: int, engine: Engine) -> Machines:
    """Bring machines up, preview, refresh and destroy them."""
    where = directory / f"machines-{machines}-{engine}"
    project = Project(where, engine, environment={"BENCH_MACHINES": str(machines)})
    for file in MACHINES.glob("*.py"):
        shutil.copy(file, where)
    up = project.up()
    stored = len(project.resources("Machine"))
    if stored != machines:
        raise BenchFailed(f"{machines} machines were declared, {stored} stand in the state")
    measured = [up, project.preview(), project.refresh(), project.destroy()]
    peaks: Counter[str] = Counter()
    for one in measured:
        peaks |= Counter(one.peak_bytes)
    seconds = [one.wall_seconds for one in measured]
    return Machines(
        machines=machines,
        engine=engine,
        up_seconds=seconds[0],
        preview_seconds=seconds[1],
        refresh_seconds=seconds[2],
        destroy_seconds=seconds[3],
        processor_seconds=tuple(one.processor_seconds for one in measured),
        peak_bytes=dict(peaks),
    )
