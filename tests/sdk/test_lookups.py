"""Look-ups: what a program learns from the clouds while it runs, and what it is told when it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pulumi
import pytest
import yaml
from gpufleet_provider.simulator import RunningSimulator, running
from pulumi_gpufleet import shadeform, together

from tests.sdk.program import run

CLUSTER = {
    "cluster_name": "train",
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 16,
    "billing_type": "ON_DEMAND",
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}
MACHINES = {
    "name": "batch",
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 2,
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running(speed=0) as found:
        yield found


@pytest.fixture(autouse=True)
def account(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stack's configuration names the simulator; the environment names nothing."""
    for cloud in ("TOGETHER", "SHADEFORM"):
        monkeypatch.delenv(f"{cloud}_API_KEY", raising=False)
        monkeypatch.delenv(f"{cloud}_BASE_URL", raising=False)
    configure(simulator, key="simulated")
    yield
    pulumi.runtime.set_all_config({})


def configure(simulator: RunningSimulator, key: str | None) -> None:
    addresses = {
        "together:baseUrl": simulator.base_url("together"),
        "shadeform:baseUrl": simulator.base_url("shadeform"),
    }
    keys = {"together:apiKey": key, "shadeform:apiKey": key} if key else {}
    pulumi.runtime.set_all_config({**addresses, **keys})


@pytest.fixture(scope="module")
def cluster_id(simulator: RunningSimulator) -> str:
    """A cluster that is ready."""
    posted = httpx.post(
        f"{simulator.base_url('together')}/compute/clusters",
        json=CLUSTER,
        headers={"Authorization": "Bearer simulated"},
    )
    simulator.advance(4 * 3600)
    return posted.json()["cluster_id"]


@pytest.fixture(scope="module")
def machines_id(simulator: RunningSimulator) -> str:
    posted = httpx.post(
        f"{simulator.base_url('shadeform')}/clusters/create", json=MACHINES, headers={"X-API-KEY": "simulated"}
    )
    simulator.advance(4 * 3600)
    return posted.json()["id"]


def looked_up(output: Any, **arguments: Any) -> tuple[Any, bool]:
    """What an output of a program holds, and whether it is secret."""
    seen: list[Any] = []
    secret: list[bool] = []

    def program() -> None:
        found = output()
        found.apply(seen.append)
        pulumi.Output.from_input(found.is_secret()).apply(secret.append)

    run(program, **arguments)
    return (seen[0] if seen else None), secret[0]


# --- Together -------------------------------------------------------------------------------------------------------


def test_regions_are_typed() -> None:
    regions = together.get_regions()
    found = next(region for region in regions if region.name == "us-central-8")
    assert isinstance(found, together.outputs.Region)
    assert "H100_SXM" in found.supported_instance_types
    assert isinstance(found.driver_versions[0], together.outputs.DriverVersion)
    assert found.driver_versions[0].cuda_version
    assert looked_up(together.get_regions_output) == (regions, False)


def test_a_cluster_is_found_by_its_id(cluster_id: str) -> None:
    found = together.get_cluster(cluster_id)
    assert (found.cluster_id, found.cluster_name, found.status, found.num_gpus) == (cluster_id, "train", "Ready", 16)
    assert [type(node) for node in found.gpu_worker_nodes] == [together.outputs.GpuWorkerNode] * 2
    assert looked_up(lambda: together.get_cluster_output(cluster_id)) == (found, True)


def test_a_kubeconfig_is_yaml_and_secret(cluster_id: str) -> None:
    text = together.get_kube_config(cluster_id)
    assert yaml.safe_load(text)["kind"] == "Config"
    later = pulumi.Output.from_input
    assert looked_up(lambda: together.get_kube_config_output(later(cluster_id))) == (text, True)


def test_a_cluster_that_has_no_kubeconfig_yet_is_said_to_have_none(simulator: RunningSimulator) -> None:
    posted = httpx.post(
        f"{simulator.base_url('together')}/compute/clusters",
        json={**CLUSTER, "cluster_name": "new"},
        headers={"Authorization": "Bearer simulated"},
    )
    with pytest.raises(pulumi.RunError, match="has no kubeconfig yet; run it again once the cluster is ready"):
        together.get_kube_config(posted.json()["cluster_id"])


# --- Shadeform ------------------------------------------------------------------------------------------------------


def test_cluster_types_are_typed_filtered_and_sorted() -> None:
    everything = shadeform.get_cluster_types()
    prices = [offer.cluster_type.hourly_price for offer in everything]
    assert prices == sorted(prices)
    assert isinstance(everything[0].cluster_type.configuration, shadeform.outputs.InstanceTypeConfiguration)
    few = shadeform.get_cluster_types(cloud="denvr", region="houston-usa-1", num_instances=2, available=True)
    assert 0 < len(few) < len(everything)
    assert {(offer.cloud, offer.availability.region, offer.num_instances) for offer in few} == {
        ("denvr", "houston-usa-1", 2)
    }
    assert {offer.availability.available for offer in few} == {True}
    asked = pulumi.Output.from_input
    found, secret = looked_up(
        lambda: shadeform.get_cluster_types_output(
            cloud=asked("denvr"), region="houston-usa-1", num_instances=asked(2), available=True
        )
    )
    assert (found, secret) == (few, False)


def test_a_cluster_of_shadeform_is_found_by_its_id(machines_id: str) -> None:
    found = shadeform.get_cluster(machines_id)
    assert (found.id, found.name, found.status, len(found.instances)) == (machines_id, "batch", "active", 2)
    assert found.instances[0].ip
    assert looked_up(lambda: shadeform.get_cluster_output(machines_id)) == (found, False)


# --- What goes wrong ------------------------------------------------------------------------------------------------


def test_no_key_is_one_line_that_says_where_to_put_it(simulator: RunningSimulator) -> None:
    configure(simulator, key=None)
    with pytest.raises(pulumi.RunError, match=r"together:apiKey.*TOGETHER_API_KEY") as raised:
        together.get_regions()
    assert "\n" not in str(raised.value)


def test_the_environment_is_used_where_the_configuration_is_silent(
    simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi.runtime.set_all_config({})
    monkeypatch.setenv("TOGETHER_API_KEY", "simulated")
    monkeypatch.setenv("TOGETHER_BASE_URL", simulator.base_url("together"))
    assert together.get_regions()


def test_a_preview_without_a_key_does_not_know_and_goes_on(simulator: RunningSimulator) -> None:
    configure(simulator, key=None)
    assert looked_up(together.get_regions_output, preview=True) == (None, False)
    # A kubeconfig is secret even where it is unknown.
    assert looked_up(lambda: together.get_kube_config_output("c-1"), preview=True) == (None, True)


def test_without_a_key_an_update_fails(simulator: RunningSimulator) -> None:
    configure(simulator, key=None)
    with pytest.raises(pulumi.RunError, match="TOGETHER_API_KEY"):
        looked_up(together.get_regions_output)


def test_a_wrong_key_and_an_unknown_id_are_one_line(simulator: RunningSimulator) -> None:
    with pytest.raises(pulumi.RunError) as raised:
        together.get_cluster("no-such-cluster")
    assert "\n" not in str(raised.value)
    assert "no-such-cluster" in str(raised.value)
    configure(simulator, key="wrong")
    with pytest.raises(pulumi.RunError, match="together:apiKey"):
        together.get_regions()
