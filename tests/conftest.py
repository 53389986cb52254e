"""What holds for every test: which are left to `make test-all`, how property tests draw, how skips are summed up."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The speed of a machine says nothing about a property. `make test` draws the same examples every time: a failure is due
# to what was changed. `make test-all` draws new ones, and more.
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("new", settings.get_profile("same"), derandomize=False, max_examples=1000)
settings.load_profile("same")

QUICK_CRASH_SEEDS = 20
FEW = 5
"""How many seeds of a long test `make test` asks; `make test-all` asks the others of the quick form."""


def few_at_once(numbers: range) -> list[Any]:
    """Return numbers as parameters: those after the first few are slow."""
    return [*numbers[:FEW], *(pytest.param(number, marks=pytest.mark.slow) for number in numbers[FEW:])]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-seeds", type=int, default=QUICK_CRASH_SEEDS, help="Seeds of the crash suite, from 0.")


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: most tests wait for processes, and these for the simulated clouds."""
    return 2 * (os.cpu_count() or 1)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line for each reason how many tests were skipped."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5}  {reason}")


def _reason(report: Any) -> str:
    _, _, words = report.longrepr
    return words.removeprefix("Skipped: ")
