"""The figures as plain tables: one column per run, one row per figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from .engines import Machines
from .fleets import LIST_ROUTE, Fleet, Phase
from .reports import Reports
from .targets import MEGABYTE, Verdict

PARTS = ("engine", "program", "plugin")
COMMANDS = ("up", "preview", "refresh", "destroy")
RunT = TypeVar("RunT", Fleet, Machines)


def fleet_table(fleets: Sequence[Fleet]) -> str:
    """Lay out what fleets cost."""
    routes = sorted({route for fleet in fleets for phase in _phases(fleet) for route in phase.requests})
    rows: list[tuple[str, Callable[[Fleet], str]]] = [
        ("slowest cluster's own provisioning, s", lambda it: f"{it.slowest_seconds:.1f}"),
        ("up, s", lambda it: f"{it.up.wall_seconds:.1f}"),
        ("up / slowest", lambda it: f"{it.up_ratio:.2f}"),
        ("up, over the upgraded server's", lambda it: _over(it, fleets)),
        ("preview unchanged, s", lambda it: f"{it.preview.wall_seconds:.1f}"),
        ("refresh unchanged, s", lambda it: f"{it.refresh.wall_seconds:.1f}"),
        ("destroy, s", lambda it: f"{it.destroy.wall_seconds:.1f}"),
        *_processor_rows(lambda it: [one.processor_seconds for one in _phases(it)]),
        ("plugin, peak MB", lambda it: _megabytes(it.peak_bytes, "plugin")),
        ("engine, peak MB", lambda it: _megabytes(it.peak_bytes, "engine")),
        ("program, peak MB", lambda it: _megabytes(it.peak_bytes, "program")),
        ("state per cluster, bytes", lambda it: f"{it.state_bytes:.0f}"),
        ("  of these inputs and outputs", lambda it: f"{it.property_bytes:.0f}"),
        ("state file per cluster, bytes", lambda it: f"{it.stored_bytes:.0f}"),
        ("requests per cluster: up", lambda it: f"{it.up.requests.total() / it.clusters:.2f}"),
        ("  of these not lists", lambda it: f"{_besides_lists(it.up) / it.clusters:.2f}"),
        ("  lists per interval", lambda it: f"{it.up.requests[LIST_ROUTE] / it.intervals:.2f}"),
        ("requests: preview", lambda it: str(it.preview.requests.total())),
        ("requests: refresh", lambda it: str(it.refresh.requests.total())),
        ("requests per cluster: destroy", lambda it: f"{it.destroy.requests.total() / it.clusters:.2f}"),
    ]
    for route in routes:
        for verb in ("up", "refresh", "destroy"):
            if any(getattr(fleet, verb).requests[route] for fleet in fleets):
                rows.append((f"{verb}: {_short(route)}", lambda it, r=route, v=verb: str(getattr(it, v).requests[r])))
    return _table("clusters", fleets, rows)


def machine_table(runs: Sequence[Machines]) -> str:
    """Lay out what engines cost."""
    return _table(
        "machines without a cloud",
        runs,
        [
            ("up, s", lambda it: f"{it.up_seconds:.1f}"),
            ("preview unchanged, s", lambda it: f"{it.preview_seconds:.1f}"),
            ("refresh unchanged, s", lambda it: f"{it.refresh_seconds:.1f}"),
            ("destroy, s", lambda it: f"{it.destroy_seconds:.1f}"),
            *_processor_rows(lambda it: it.processor_seconds),
            ("up per machine, ms", lambda it: f"{it.up_milliseconds_each:.1f}"),
            ("up per machine more than the run before, ms", lambda it: _marginal(it, runs)),
            ("engine, peak MB", lambda it: _megabytes(it.peak_bytes, "engine")),
            ("program, peak MB", lambda it: _megabytes(it.peak_bytes, "program")),
            ("plugin, peak MB", lambda it: _megabytes(it.peak_bytes, "plugin")),
        ],
    )


def report_table(runs: Sequence[Reports]) -> str:
    """Lay out what reports cost."""
    forms = list(runs[0].wall_seconds)
    lines = [("clusters of a reported preview", *(run.name for run in runs))]
    lines += [(f"{form}, s", *(f"{run.wall_seconds[form]:.1f}" for run in runs)) for form in forms]
    return _aligned(lines)


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """Lay out what is met and what is not."""
    lines = [("target", "measured", "at most", "")]
    for it in verdicts:
        figures = (f"{it.measured:.1f} {it.unit}", f"{it.limit:.1f} {it.unit}")
        lines.append((it.target, *figures, "" if it.met else "MISSED"))
    return _aligned(lines)


def _table(what: str, runs: Sequence[RunT], rows: Sequence[tuple[str, Callable[[RunT], str]]]) -> str:
    header = (what, *(run.name for run in runs))
    return _aligned([header, *((label, *(figure(run) for run in runs)) for label, figure in rows)])


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    shown.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(cells).rstrip() for cells in shown)


def _phases(fleet: Fleet) -> tuple[Phase, ...]:
    return fleet.up, fleet.preview, fleet.refresh, fleet.destroy


def _besides_lists(phase: Phase) -> int:
    return phase.requests.total() - phase.requests[LIST_ROUTE]


def _short(route: str) -> str:
    return route.replace("/together/v1/compute", "")


def _megabytes(peaks: dict[str, int], part: str) -> str:
    return f"{peaks[part] / MEGABYTE:.0f}" if part in peaks else "n/a"


def _processor_rows(
    seconds_of: Callable[[RunT], Sequence[Mapping[str, float]]],
) -> list[tuple[str, Callable[[RunT], str]]]:
    """Make a row per command, with the processor time of each part."""

    def row(index: int) -> Callable[[RunT], str]:
        return lambda run: " + ".join(f"{seconds_of(run)[index].get(part, 0):.1f}" for part in PARTS)

    return [(f"{command}: processor s of {', '.join(PARTS)}", row(index)) for index, command in enumerate(COMMANDS)]


def _over(fleet: Fleet, fleets: Sequence[Fleet]) -> str:
    """Compare with the same fleet on the same engine with the server upgraded."""
    for other in fleets:
        if (other.clusters, other.engine, other.server) == (fleet.clusters, fleet.engine, "upgraded"):
            return f"{fleet.up.wall_seconds / other.up.wall_seconds:.2f} x"
    return "not run"


def _marginal(run: Machines, runs: Sequence[Machines]) -> str:
    smaller = [other for other in runs if other.engine == run.engine and other.machines < run.machines]
    if not smaller:
        return "-"
    before = max(smaller, key=lambda other: other.machines)
    return f"{1000 * (run.up_seconds - before.up_seconds) / (run.machines - before.machines):.1f}"
