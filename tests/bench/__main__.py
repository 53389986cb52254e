"""`python -m tests.bench`: fleets and engines, one after the other in one run, and whether the targets are met."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from importlib.metadata import version
from pathlib import Path

from .engines import Machines, run_machines
from .fleets import Fleet, Server, run_fleet
from .measuring import BenchFailed
from .project import PULUMI, Engine
from .reports import Reports, run_reports
from .tables import fleet_table, machine_table, report_table, verdict_table
from .targets import verdicts


def main() -> int:
    """Run what the options ask for; returns 1 when --check is given and a target is missed, 2 when a run broke off."""
    options = _options()
    # So that an end from outside, too, ends the processes that are measured and shows what has been measured.
    signal.signal(signal.SIGTERM, _end)
    print(_machine(), flush=True)
    fleets: list[Fleet] = []
    machines: list[Machines] = []
    reports: list[Reports] = []
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=options.directory) as folder:
            _measure(Path(folder).resolve(), options, fleets, machines, reports)
    except BenchFailed as failure:
        print(f"\nbench: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        missed = _report(fleets, machines, reports, options.provisioning)
    return 1 if missed and options.check else 0


def _end(*_: object) -> None:
    sys.exit(143)


def _measure(
    directory: Path,
    options: argparse.Namespace,
    fleets: list[Fleet],
    machines: list[Machines],
    reports: list[Reports],
) -> None:
    """Measure one thing after the other; what is done is in the lists, whatever becomes of the rest."""

    def clusters(engine: Engine, server: Server, sizes: Sequence[int]) -> None:
        for size in sizes:
            with _told(f"{size} clusters on the {server} server, {engine}"):
                fleets.append(run_fleet(directory, size, engine, server, options.provisioning, options.seed))

    def without_cloud(engine: Engine, sizes: Sequence[int]) -> None:
        for size in sizes:
            with _told(f"{size} machines, {engine}"):
                machines.append(run_machines(directory, size, engine))

    for size in options.reports:
        with _told(f"reports of {size} clusters"):
            reports.append(run_reports(directory, size))
    without_cloud("embedded", options.machines)
    without_cloud("pulumi", options.pulumi_machines if PULUMI else [])
    clusters("embedded", "upgraded", options.fleets)
    clusters("embedded", "plain", options.plain)
    clusters("pulumi", "upgraded", options.pulumi_fleets if PULUMI else [])


def _report(
    fleets: Sequence[Fleet],
    machines: Sequence[Machines],
    reports: Sequence[Reports],
    provisioning: tuple[float, float],
) -> int:
    """Print what was measured; returns how many targets are missed."""
    if fleets:
        print(f"\nTogether clusters of one node, simulated, {_range(provisioning)} of provisioning each")
        print(fleet_table(fleets))
    if machines:
        print(f"\n{machine_table(machines)}")
    if reports:
        print(f"\n{report_table(reports)}")
    found = verdicts(fleets, machines, reports)
    missed = sum(not verdict.met for verdict in found)
    if found:
        print(f"\n{verdict_table(found)}\n\n{len(found) - missed} of {len(found)} targets met", flush=True)
    return missed


@contextlib.contextmanager
def _told(what: str) -> Generator[None]:
    """Say on stderr what is going on: a whole run takes a while."""
    began = time.monotonic()
    print(f"{what} ... ", end="", file=sys.stderr, flush=True)
    yield
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small fleets that provision fast: under three minutes")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--fleets", type=_sizes, metavar="N,N", help="clusters (default 10,40,100,200,1000)")
    parser.add_argument("--plain", type=_sizes, metavar="N,N", help="clusters on the plain plugin server (10,40)")
    parser.add_argument("--pulumi-fleets", type=_sizes, metavar="N,N", help="clusters on the Pulumi CLI (10,100)")
    parser.add_argument("--machines", type=_sizes, metavar="N,N", help="machines without a cloud (100,1000,3000)")
    parser.add_argument("--pulumi-machines", type=_sizes, metavar="N,N", help="the same on the Pulumi CLI (100,1000)")
    parser.add_argument("--reports", type=_sizes, metavar="N,N", help="clusters of a reported preview (10,1000)")
    parser.add_argument("--provisioning", type=_seconds, metavar="FROM-TO", help="seconds of wall time (20-40)")
    parser.add_argument("--seed", type=int, default=1, help="of what the simulator draws (default 1)")
    parser.add_argument("--directory", type=Path, help="where to put the projects (default: the temporary directory)")
    options = parser.parse_args()
    usual = {
        "fleets": [10, 40, 100, 200, 1000],
        "plain": [10, 40],
        "pulumi_fleets": [10, 100],
        "machines": [100, 1000, 3000],
        "pulumi_machines": [100, 1000],
        "reports": [10, 1000],
        "provisioning": (20.0, 40.0),
    }
    quick = {
        "fleets": [10, 100],
        "plain": [10],
        "pulumi_fleets": [],
        "machines": [100, 1000],
        "pulumi_machines": [100],
        "reports": [10, 1000],
        "provisioning": (3.0, 6.0),
    }
    for name, value in (quick if options.quick else usual).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _machine() -> str:
    """Describe what this runs on, and what else runs there."""
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    cli = PULUMI or "not on PATH"
    return (
        f"{os.cpu_count()} cores{load}, Python {platform.python_version()}, pulumi SDK {version('pulumi')}, "
        f"grpcio {version('grpcio')}, Pulumi CLI: {cli}"
    )


def _sizes(text: str) -> list[int]:
    sizes = [int(word) for word in text.split(",") if word]
    if any(size < 1 for size in sizes):
        raise argparse.ArgumentTypeError("a size is at least 1; an empty text runs none")
    return sizes


def _seconds(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    return float(low), float(high or low)


def _range(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:g} to {seconds[1]:g} s"


if __name__ == "__main__":
    sys.exit(main())
