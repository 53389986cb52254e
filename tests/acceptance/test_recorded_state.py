"""A state that an earlier version has written is read, refreshed, brought to its end, changed and destroyed.

`recorded/state_of_0_1_0.json` is a checkpoint as that version left it, with two ready clusters on Together, one on
Shadeform, and one whose create timed out while it was still being set up. What differs from one simulator to the next
(ids, the marks of accounts) stands in it as `<...>`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import httpx
import pytest
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.shadeform import CLOUD as SHADEFORM
from gpufleet_provider.simulator import running
from gpufleet_provider.together import CLOUD as TOGETHER

from .stacks import KEY, Run, Stack

RECORDED = Path(__file__).with_name("recorded") / "state_of_0_1_0.json"
PROGRAM = """
serving = together.Cluster(
    "serving", region="us-central-8", gpu_type="H100_SXM", num_gpus=8, billing_type="ON_DEMAND",
    cuda_version="12.6", nvidia_driver_version="560",
    shared_volume={"volume_name": "serving-data", "size_tib": 1, "region": "us-central-8"},
    add_ons=[{"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}}],
)
training = together.Cluster(
    "training", region="us-central-8", gpu_type="H100_SXM", num_gpus=8, billing_type="ON_DEMAND",
    cluster_type="SLURM", slurm_shm_size_gib=64, cuda_version="12.6", nvidia_driver_version="560",
)
slow = together.Cluster(
    "slow", region="us-central-8", gpu_type="H100_SXM", num_gpus=8, billing_type="ON_DEMAND",
    cuda_version="12.6", nvidia_driver_version="560", cluster_name="slow-one",
)
batch = shadeform.Cluster(
    "batch", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8", num_instances=2
)
pulumi.export("kubeconfig", serving.kube_config)
pulumi.export("addresses", batch.instances.apply(lambda machines: [machine.ip for machine in machines]))
"""


@pytest.fixture
def simulator() -> Iterator[Any]:
    """Both clouds in real time: a cluster is set up when the test says so."""
    with running(speed=1) as simulation:
        yield simulation


@pytest.fixture
def clusters(simulator: Any) -> dict[str, str]:
    """The clusters of the recorded state, made anew: id by logical name; `slow` is still being set up."""
    checkpoint = json.loads(RECORDED.read_text())["checkpoint"]["latest"]
    declared = {
        it["urn"].rpartition("::")[2]: {
            name: value for name, value in it["inputs"].items() if not name.startswith("__")
        }
        for it in checkpoint["resources"]
        if it["type"].endswith(":Cluster")
    }

    def create(name: str) -> str:
        if name == "batch":
            url, headers = f"{simulator.url}/shadeform/v1/clusters/create", {"X-API-KEY": KEY}
        else:
            url, headers = f"{simulator.url}/together/v1/compute/clusters", {"Authorization": f"Bearer {KEY}"}
        reply = httpx.post(url, headers=headers, json=declared[name]).raise_for_status().json()
        return reply["id"] if name == "batch" else reply["cluster_id"]

    made = {name: create(name) for name in ("serving", "training", "batch")}
    simulator.advance(3600)
    return {**made, "slow": create("slow")}


@pytest.fixture
def stack(tmp_path: Path, simulator: Any, engine: str, clusters: dict[str, str]) -> Iterator[Stack]:
    """A stack whose state is the recorded one."""
    made = Stack(tmp_path / "project", simulator, engine).init()
    text = RECORDED.read_text()
    for name, id in clusters.items():
        text = text.replace(f"<id of {name}>", id)
    (volume,) = simulator.ledger()["volumes"]
    text = text.replace("<volume of serving>", volume["id"]).replace("<url>", simulator.url)
    for cloud in (TOGETHER, SHADEFORM):
        text = text.replace(
            f"<account of {cloud.name}>", CloudClient(cloud, f"{simulator.url}/{cloud.name}/v1", KEY).mark
        )
    (state,) = (made.directory / ".state").rglob("dev.json")
    state.write_text(text)
    config = made.directory / "Pulumi.dev.yaml"
    salt = json.loads(text)["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"]
    kept = [line for line in config.read_text().splitlines() if not line.startswith("encryptionsalt")]
    config.write_text("\n".join([f"encryptionsalt: {salt}", *kept, ""]))
    made.write(PROGRAM)
    yield made
    assert made.live_clusters() == []
    assert all(volume["deleted_at"] is not None for volume in simulator.ledger()["volumes"])


def test_a_state_of_an_earlier_version_goes_on(stack: Stack, clusters: dict[str, str]) -> None:
    before = {it["id"]: it for it in stack.resources(":Cluster")}
    assert set(before) == set(clusters.values())
    # Refreshed: nothing has drifted, and what was not ready is not ready yet.
    refreshed = stack.refresh()
    assert refreshed.exit_code == 0, refreshed.output
    waiting = [it["id"] for it in stack.resources(":Cluster") if it["outputs"].get("__wait")]
    assert waiting == [clusters["slow"]]
    # Brought to its end: the create that timed out is gone on with, and nothing else happens.
    stack.simulator.advance(3600)
    up = stack.up()
    assert up.exit_code == 0, up.output
    assert not [it for it in stack.resources(":Cluster") if it["outputs"].get("__wait")]
    again = stack.preview("--expect-no-changes", "--json")
    assert again.exit_code == 0, again.output
    # Changed in place.
    stack.write(PROGRAM.replace("num_gpus=8", "num_gpus=16", 1))
    changed = while_time_passes(stack, stack.up)
    assert changed.exit_code == 0, changed.output
    (serving,) = [it for it in stack.resources(":Cluster") if it["id"] == clusters["serving"]]
    assert serving["outputs"]["num_gpus"] == 16
    assert {it["id"] for it in stack.resources(":Cluster")} == set(clusters.values())
    _destroy(stack)


def test_a_state_of_an_earlier_version_is_destroyed_as_it_is(stack: Stack) -> None:
    _destroy(stack)


def _destroy(stack: Stack) -> None:
    destroyed = while_time_passes(stack, stack.destroy)
    assert destroyed.exit_code == 0, destroyed.output
    assert stack.resources() == []


def while_time_passes(stack: Stack, command: Callable[[], Run]) -> Run:
    """Run a command to its end, with ten minutes of the clouds' time in each moment."""
    with ThreadPoolExecutor() as pool:
        running_command = pool.submit(command)
        while not wait([running_command], timeout=0.1).done:
            stack.simulator.advance(600)
        return running_command.result()
