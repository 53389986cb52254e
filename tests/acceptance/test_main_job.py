"""The main job on the simulated clouds: up, nothing to do, update, replace, drift, down; and the first mistakes."""

from __future__ import annotations

import base64
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from gpufleet_provider.simulator import running

from .processes import Running
from .stacks import KEY, Stack

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"

CLUSTER = """
    pulumi.export("id", together.Cluster(
        "train",
        region={region!r},
        gpu_type="H100_SXM",
        num_gpus={num_gpus},
        billing_type="ON_DEMAND",
        cuda_version="12.6",
        nvidia_driver_version="560",
    ).id)
"""


def program(num_gpus: int = 8, region: str = "us-central-8") -> str:
    return CLUSTER.format(num_gpus=num_gpus, region=region)


def operations(preview: Any) -> dict[str, str]:
    """Return the steps of `preview --json`: the operation by logical name."""
    return {step["urn"].rpartition("::")[2]: step["op"] for step in preview.json()["steps"]}


def test_the_quickstart(stack: Stack) -> None:
    shutil.copy(QUICKSTART / "__main__.py", stack.directory)
    # Once as on a user's machine: every process is a fresh Python.
    first = Running(stack, "up", "--yes", "--skip-preview", "--stack", stack.name).wait()
    assert first.exit_code == 0, first.output
    outputs = stack.outputs()
    ledger = {cluster["id"]: cluster for cluster in stack.simulator.ledger()["clusters"]}
    assert set(outputs["ids"].values()) == set(ledger)
    assert len(outputs["serving_nodes"]) == 2 and len(outputs["batch_addresses"]) == 2
    assert outputs["kubeconfig"] == "[secret]"
    assert stack.outputs(show_secrets=True)["kubeconfig"].startswith("apiVersion: v1")
    assert stack.up("--expect-no-changes").exit_code == 0

    stack.run("config", "set", "numGpus", "24", "--stack", stack.name)
    assert operations(stack.preview("--json"))["serving"] == "update"
    assert stack.up().exit_code == 0
    assert len(stack.outputs()["serving_nodes"]) == 3
    assert stack.outputs()["ids"] == outputs["ids"]

    stack.run("config", "set", "region", "us-central-4", "--stack", stack.name)
    refused = stack.preview()
    assert refused.exit_code != 0 and refused.is_clean
    assert "goes with it, data and all" in refused.output and "confirm_data_loss=True" in refused.output
    stack.run("config", "set", "mayLoseData", "true", "--stack", stack.name)
    preview = stack.preview("--diff")
    assert "is to be replaced because of region" in preview.output, preview.output
    assert "goes with it, data and all" in preview.output
    shown = stack.preview("--json").json()
    assert any("goes with it, data and all" in it["message"] for it in shown["diagnostics"])
    steps = shown["steps"]
    reasons = {step["urn"].rpartition("::")[2]: step.get("replaceReasons") for step in steps if "replace" in step["op"]}
    assert "region" in reasons["serving"] and "region" in reasons["training"]
    replaced = stack.up()
    assert replaced.exit_code == 0, replaced.output
    assert stack.outputs()["ids"]["serving"] != outputs["ids"]["serving"]
    assert stack.outputs()["ids"]["batch"] == outputs["ids"]["batch"]

    assert stack.destroy().exit_code == 0
    assert stack.live_clusters() == []
    assert [volume for volume in stack.simulator.ledger()["volumes"] if volume["deleted_at"] is None] == []


def test_drift_is_seen_and_healed(stack: Stack) -> None:
    stack.write(program(num_gpus=16))
    assert stack.up().exit_code == 0
    (cluster,) = stack.live_clusters()
    url = f"{stack.simulator.url}/together/v1/compute/clusters/{cluster['id']}"
    httpx.put(url, json={"num_gpus": 8}, headers={"Authorization": "Bearer somebody"}).raise_for_status()
    assert stack.refresh().exit_code == 0
    assert operations(stack.preview("--json"))["train"] == "update"
    assert stack.up().exit_code == 0
    answer = httpx.get(url, headers={"Authorization": "Bearer somebody"}).json()
    assert answer["num_gpus"] == 16


def test_gone_outside_is_made_again(stack: Stack) -> None:
    stack.write(program())
    assert stack.up().exit_code == 0
    (cluster,) = stack.live_clusters()
    stack.simulator.intervene(cluster["id"], "vanish")
    assert stack.refresh().exit_code == 0
    assert stack.resources("together:Cluster") == []
    assert stack.up().exit_code == 0
    assert len(stack.live_clusters()) == 1


def last_words(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if "error:" in line]


def test_a_wrong_key(stack: Stack) -> None:
    stack.write(program())
    stack.configure(**{"together:apiKey": "wrong"})
    run = stack.up()
    assert run.exit_code != 0 and run.is_clean
    assert any("together:apiKey" in line and "TOGETHER_API_KEY" in line for line in run.output.splitlines()), run.output
    assert stack.live_clusters() == []


def test_no_key_previews_and_is_said_at_up(stack: Stack) -> None:
    stack.write(program())
    stack.configure(**{"together:apiKey": ""})
    assert stack.preview().exit_code == 0
    run = stack.up()
    assert run.exit_code != 0 and run.is_clean
    assert any("together:apiKey" in line and "TOGETHER_API_KEY" in line for line in run.output.splitlines()), run.output


def test_no_simulator(stack: Stack) -> None:
    stack.write(program())
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        stack.configure(**{"together:baseUrl": f"http://127.0.0.1:{unused.getsockname()[1]}/together/v1"})
        run = stack.up()
    assert run.exit_code != 0 and run.is_clean
    assert any("gpufleet simulate" in line for line in run.output.splitlines()), run.output
    assert stack.resources("Cluster") == []
    stack.configure()


@pytest.mark.parametrize("cloud", ["together", "shadeform"])
def test_sold_out(stack: Stack, cloud: str) -> None:
    stack.write(program())
    if cloud == "shadeform":
        stack.write(
            'shadeform.Cluster("batch", cloud="denvr", region="houston-usa-1", '
            'cluster_type="H100_sxm5x8", num_instances=2)\n'
        )
    stack.simulator.fault("sold_out", cloud=cloud)
    run = stack.up()
    assert run.exit_code != 0 and run.is_clean
    sold_out = [line for line in run.output.splitlines() if "out of stock" in line.lower() or "OUT_OF_STOCK" in line]
    assert any("Try another region" in line for line in sold_out), run.output
    assert stack.resources("Cluster") == [] and stack.live_clusters() == []


def test_keys_are_taken_from_the_environment(stack: Stack) -> None:
    stack.write(program())
    stack.configure(**{"together:apiKey": "", "together:baseUrl": ""})
    stack.environment = {"TOGETHER_API_KEY": KEY, "TOGETHER_BASE_URL": f"{stack.simulator.url}/together"}
    assert stack.up().exit_code == 0
    assert len(stack.live_clusters()) == 1


def test_a_kubeconfig_is_secret_and_decoded(stack: Stack) -> None:
    stack.write(program())
    assert stack.up().exit_code == 0
    plain = json.dumps(stack.deployment())
    assert "apiVersion" not in plain and base64.b64encode(b"apiVersion").decode()[:12] not in plain
    (cluster,) = [it for it in stack.deployment(show_secrets=True)["resources"] if "together:Cluster" in it["type"]]
    assert json.loads(cluster["outputs"]["kube_config"]["plaintext"]).startswith("apiVersion: v1")


def test_nothing_is_deleted_for_what_the_region_does_not_have(stack: Stack) -> None:
    """A replacement deletes first: what the live catalogue rules out is refused while the old cluster still runs."""
    stack.write(program())
    assert stack.up().exit_code == 0
    (before,) = stack.live_clusters()
    stack.write(program(region="us-east-2"))
    for run in (stack.preview(), stack.up()):
        assert run.exit_code != 0 and run.is_clean
        assert any("gpu_type" in line and "us-east-2 has no H100_SXM" in line for line in run.output.splitlines()), (
            run.output
        )
    assert [cluster["id"] for cluster in stack.live_clusters()] == [before["id"]]


def test_a_new_cluster_that_the_catalogue_rules_out_is_warned_of(stack: Stack) -> None:
    stack.write(program(region="us-east-2"))
    preview = stack.preview()
    assert preview.exit_code == 0
    assert any("us-east-2 has no H100_SXM" in line for line in preview.output.splitlines()), preview.output


def test_another_account_does_not_empty_the_state(stack: Stack) -> None:
    """Another account knows none of our ids: that is no word about the clusters, and no delete of them."""
    # From the environment: what stands in the config is kept in the state, and a refresh takes it from there.
    stack.configure(**{"together:apiKey": "", "together:baseUrl": ""})
    ours = {"TOGETHER_API_KEY": KEY, "TOGETHER_BASE_URL": f"{stack.simulator.url}/together"}
    stack.environment = ours
    stack.write(program())
    assert stack.up().exit_code == 0
    (cluster,) = stack.live_clusters()
    with running(speed=1200) as another:
        stack.environment = {**ours, "TOGETHER_BASE_URL": f"{another.url}/together"}
        for run in (stack.refresh(), stack.destroy()):
            assert run.exit_code != 0 and run.is_clean
            assert any("another key or address" in line for line in run.output.splitlines()), run.output
        assert [it["id"] for it in stack.resources("together:Cluster")] == [cluster["id"]]
    stack.environment = {**ours, "TOGETHER_API_KEY": "another-key-of-the-same-account"}
    assert stack.refresh().exit_code == 0
    assert [it["id"] for it in stack.resources("together:Cluster")] == [cluster["id"]]


def test_behind_a_proxy(stack: Stack) -> None:
    stack.write(program())
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        stack.environment[name] = proxy
    run = stack.up()
    assert run.exit_code == 0 and run.is_clean, run.output
    assert len(stack.live_clusters()) == 1
    assert stack.destroy().exit_code == 0
