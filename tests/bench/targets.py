"""What the figures have to be, on a machine of two cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .engines import Machines
from .fleets import Fleet
from .reports import Reports

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Verdict:
    """One target, and what was measured."""

    target: str
    measured: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether it was met."""
        return self.measured <= self.limit


def verdicts(fleets: Sequence[Fleet], machines: Sequence[Machines], reports: Sequence[Reports]) -> list[Verdict]:
    """Judge every figure that there is a target for: those of the embedded engine and the upgraded server."""
    found: list[Verdict] = []
    for fleet in fleets:
        if fleet.engine == "embedded" and fleet.server == "upgraded":
            found.extend(_of_fleet(fleet))
    ours = sorted((run for run in machines if run.engine == "embedded"), key=lambda run: run.machines)
    for run in ours:
        if run.machines == 1000:
            found.extend(_of_a_thousand(run))
    found.extend(_of_growth(ours))
    for each in reports:
        if each.clusters == 1000:
            found.append(Verdict("report of 1000 clusters, slowest form", max(each.wall_seconds.values()), 3, "s"))
    return found


def _of_fleet(fleet: Fleet) -> Iterator[Verdict]:
    of = f"{fleet.clusters} clusters"
    factor, more = (1.25, 5) if fleet.clusters <= 200 else (1.5, 20)
    limit = factor * fleet.slowest_seconds + more
    yield Verdict(f"up of {of}: {factor:g} x slowest + {more} s", fleet.up.wall_seconds, limit, "s")
    if fleet.clusters >= 100:
        # What a run asks once for all counts for much in a small fleet.
        requests = fleet.up.requests.total()
        limit = 1.2 * fleet.clusters + fleet.intervals
        yield Verdict(f"up of {of}: 1.2 requests each + 1 per interval", requests, limit, "requests")
    yield Verdict(f"refresh of {of}: requests", fleet.refresh.requests.total(), 10, "requests")
    yield Verdict(f"refresh of {of}", fleet.refresh.wall_seconds, 10, "s")
    yield Verdict(f"preview of {of}, unchanged", fleet.preview.wall_seconds, 10, "s")
    yield Verdict(f"state of {of}, each", fleet.state_bytes / 1000, 6, "kB")
    if "plugin" in fleet.peak_bytes:
        yield Verdict(f"plugin of {of}", fleet.peak_bytes["plugin"] / MEGABYTE, 600, "MB")


def _of_a_thousand(run: Machines) -> Iterator[Verdict]:
    yield Verdict("1000 machines: up", run.up_seconds, 12, "s")
    yield Verdict("1000 machines: preview", run.preview_seconds, 8, "s")
    yield Verdict("1000 machines: refresh", run.refresh_seconds, 5, "s")
    yield Verdict("1000 machines: destroy", run.destroy_seconds, 12, "s")
    if "engine" in run.peak_bytes:
        yield Verdict("1000 machines: engine", run.peak_bytes["engine"] / MEGABYTE, 300, "MB")


def _of_growth(runs: Sequence[Machines]) -> Iterator[Verdict]:
    if len(runs) < 2:
        return
    least, most = runs[0], runs[-1]
    what = f"up per machine, {most.machines} against {least.machines}"
    yield Verdict(what, most.up_milliseconds_each, least.up_milliseconds_each, "ms")
