"""Every acceptance test has a simulator of its own and ends by proving in its ledger that nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpufleet_provider.simulator import running

from tests.conftest import few_at_once

from .stacks import ENGINES, Stack


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "crash_seed" in metafunc.fixturenames:
        metafunc.parametrize("crash_seed", few_at_once(range(metafunc.config.getoption("--crash-seeds"))))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how often each kind of fault struck, and how often it came too late."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    struck = Counter(fact for report in reports for fact in getattr(report, "user_properties", []))
    faults = sorted({what for kind, what in struck if kind.startswith("fault ")})
    if faults:
        terminalreporter.section("faults that really hit")
    for fault in faults:
        missed = struck["fault missed", fault]
        late = f" ({missed} more came too late)" if missed else ""
        terminalreporter.write_line(f"{struck['fault hit', fault]:5}  {fault}{late}")


@pytest.fixture
def simulator() -> Iterator[Any]:
    """Both clouds, twenty times faster than the default: a cluster takes about half a second."""
    with running(speed=1200) as simulation:
        yield simulation


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def new_stack(tmp_path: Path, simulator: Any, engine: str) -> Callable[..., Stack]:
    """Return a maker of stacks on the test's own simulator."""
    return lambda name="project", **options: Stack(tmp_path / name, simulator, engine, **options).init()


@pytest.fixture
def stack(new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack that is destroyed after the test, whose clouds must then be empty."""
    made = new_stack()
    yield made
    made.simulator.clear_faults()
    if made.resources():
        destroyed = made.destroy()
        assert destroyed.exit_code == 0, destroyed.output
    assert made.live_clusters() == []
