"""One plugin process for each SDK version and test module, and processes of their own for tests that end them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpufleet_provider.simulator import running

from .sdks import VERSIONS, sdk
from .server import PluginServer

KEY = "simulated-key"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Any]:
    """Both clouds; time stands still unless a test lets it pass."""
    with running(speed=0) as simulation:
        yield simulation


@pytest.fixture(autouse=True)
def empty_clouds(simulator: Any) -> None:
    """What an earlier test has left under a name would be taken over."""
    simulator.reset()


@pytest.fixture(scope="module")
def config(simulator: Any) -> dict[str, str]:
    return {
        "together:apiKey": KEY,
        "together:baseUrl": simulator.base_url("together"),
        "gpufleet:pollSeconds": "0.1",
    }


def _home(version: str) -> Path:
    home = sdk(version)
    if home is None:
        pytest.skip(f"the SDK {version} cannot be installed: no registry within reach")
    return home


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(version, marks=() if version in (VERSIONS[0], VERSIONS[-1]) else pytest.mark.slow)
        for version in VERSIONS
    ],
)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def home(version: str) -> Path:
    return _home(version)


@pytest.fixture(scope="module")
def server(home: Path, config: dict[str, str]) -> Iterator[PluginServer]:
    """A server that has served before: the first call of a process is a matter of its own."""
    made = PluginServer(home, config)
    made.check("first", {"region": "us-central-8"})
    yield made
    assert "Traceback" not in made.stop()


@pytest.fixture
def fresh(home: Path, config: dict[str, str]) -> Iterator[Callable[..., PluginServer]]:
    """Makes processes that have served nothing yet."""
    made: list[PluginServer] = []

    def make(*extra_arguments: str, **settings: str) -> PluginServer:
        changed = {name.replace("__", ":"): value for name, value in settings.items()}
        made.append(PluginServer(home, {**config, **changed}, *extra_arguments))
        return made[-1]

    yield make
    for each in made:
        assert "Traceback" not in each.stop()
