"""The `gpufleet` command against the simulated clouds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from gpufleet_provider.simulator import RunningSimulator, running
from pulumi_gpufleet.cli import main

from tests.acceptance.stacks import ENGINES, Stack

TOGETHER = {
    "cluster_name": "train",
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}
SHADEFORM = {
    "name": "batch",
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 1,
}
HOUR = 3600.0
CANARY = "canary-in-every-secret"
KEY = f"{CANARY}-api-key"


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """Both clouds; clusters become ready when a test lets time pass."""
    with running(speed=0, canary=CANARY) as found:
        yield found


@pytest.fixture(autouse=True)
def environment(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys for both clouds, no Pulumi CLI, and a folder of the test's own."""
    for cloud in ("together", "shadeform"):
        monkeypatch.setenv(f"{cloud.upper()}_API_KEY", KEY)
        monkeypatch.setenv(f"{cloud.upper()}_BASE_URL", f"{simulator.url}/{cloud}/v1")
    monkeypatch.chdir(tmp_path)


Command = Callable[..., Result]


@pytest.fixture
def gpufleet() -> Command:
    """Run the command in this process; whatever it prints must hold no credential and no traceback."""

    def run(*arguments: str | Path, answers: str | None = None) -> Result:
        result = CliRunner().invoke(main, [str(each) for each in arguments], input=answers, prog_name="gpufleet")
        assert CANARY not in result.output
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def together(simulator: RunningSimulator) -> Callable[..., str]:
    """Create a Together cluster behind everybody's back; returns its id."""

    def create(ready: bool = True, **fields: Any) -> str:
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"{simulator.base_url('together')}/compute/clusters"
        reply = httpx.post(url, json=TOGETHER | fields, headers=headers).raise_for_status()
        simulator.advance(HOUR if ready else 0)
        return reply.json()["cluster_id"]

    return create


@pytest.fixture
def shadeform(simulator: RunningSimulator) -> Callable[..., str]:
    """Create a Shadeform cluster behind everybody's back; returns its id."""

    def create(ready: bool = True, **fields: Any) -> str:
        url = f"{simulator.base_url('shadeform')}/clusters/create"
        reply = httpx.post(url, json=SHADEFORM | fields, headers={"X-API-KEY": KEY}).raise_for_status()
        simulator.advance(2 * HOUR if ready else 0)
        return reply.json()["id"]

    return create


def entry(id: str, type_token: str = "together:Cluster", **more: Any) -> dict[str, Any]:
    """One resource of a state."""
    urn = f"urn:pulumi:dev::fleet::pulumi-python:dynamic/{type_token}::it"
    return {"urn": urn, "custom": True, "id": id, "type": f"pulumi-python:dynamic/{type_token}", **more}


def deployment(*resources: dict[str, Any], pending: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """What `pulumi stack export` writes."""
    operations = [{"resource": each, "type": "creating"} for each in pending]
    manifest = {"time": "2026-11-20T00:00:00Z", "magic": "", "version": ""}
    return {
        "version": 3,
        "deployment": {"manifest": manifest, "resources": list(resources), "pending_operations": operations},
    }


@pytest.fixture
def state(tmp_path: Path) -> Callable[..., Path]:
    """Write a state that holds some ids, or the given document."""

    def write(*ids: str, document: Any = None, name: str = "state.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(document if document is not None else deployment(*map(entry, ids))))
        return path

    return write


@pytest.fixture(params=ENGINES)
def stack(
    request: pytest.FixtureRequest, simulator: RunningSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Stack:
    """An empty stack in the folder that the command works in."""
    made = Stack(tmp_path / "fleet", simulator, request.param)
    made.configure(**{"together:apiKey": "", "shadeform:apiKey": ""})
    made.init()
    for cloud in ("together", "shadeform"):
        assert made.run("config", "set", "--stack", made.name, "--secret", f"{cloud}:apiKey", KEY).exit_code == 0
    monkeypatch.chdir(made.directory)
    for name, value in made.env().items():
        if name.startswith("PULUMI_"):
            monkeypatch.setenv(name, value)
    return made
