"""The clients of both clouds against the simulator: what a fault leaves in the ledger, and what a user reads."""

from collections.abc import Iterator
from typing import Any

import pytest
from gpufleet_provider.clouds import lifecycles_of
from gpufleet_provider.http import accounts
from gpufleet_provider.http.accounts import client_for
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import Ambiguous, CloudError, NotFound, OutOfCapacity, Unauthorized, Unavailable
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.shadeform import CLOUD as SHADEFORM
from gpufleet_provider.simulator import RunningSimulator, running
from gpufleet_provider.together import CLOUD as TOGETHER
from gpufleet_provider.waiting.watcher import Watcher

INPUTS: dict[str, Properties] = {
    "together": {
        "cluster_name": "train",
        "region": "us-central-8",
        "gpu_type": "H100_SXM",
        "num_gpus": 8,
        "billing_type": "ON_DEMAND",
        "cuda_version": "12.6",
        "nvidia_driver_version": "560",
    },
    "shadeform": {
        "cloud": "denvr",
        "region": "houston-usa-1",
        "cluster_type": "H100_sxm5x8",
        "name": "train",
        "num_instances": 2,
    },
}


@pytest.fixture
def sim() -> Iterator[RunningSimulator]:
    with running(speed=0) as simulator:
        yield simulator


@pytest.fixture(params=[TOGETHER, SHADEFORM], ids=lambda cloud: cloud.name)
def cloud(request: pytest.FixtureRequest) -> Cloud:
    return request.param


@pytest.fixture(autouse=True)
def no_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_clients", {})


def client_of(cloud: Cloud, sim: RunningSimulator, key: str = "a-good-key") -> CloudClient:
    base_url = sim.base_url(cloud.name)
    return client_for(cloud, {cloud.api_key_config: key, cloud.base_url_config: base_url}.get)


def create(cloud: Cloud, sim: RunningSimulator) -> str:
    return lifecycles_of(cloud.name)["Cluster"].create(client_of(cloud, sim), INPUTS[cloud.name])


def posts(sim: RunningSimulator) -> int:
    return sum(count for call, count in sim.requests().items() if call.startswith("POST"))


@pytest.mark.parametrize(
    ("fault", "exist"),
    [
        ({"fault": "reset"}, 0),
        ({"fault": "reply_lost"}, 1),
        ({"fault": "garbage"}, 1),
        ({"fault": "empty"}, 1),
        ({"fault": "truncated"}, 1),
        ({"fault": "status", "status": 503}, 0),
        ({"fault": "status", "status": 500, "accepted": True}, 1),
    ],
    ids=str,
)
def test_a_create_without_an_answer_is_ambiguous_and_posted_once(
    cloud: Cloud, sim: RunningSimulator, fault: dict[str, Any], exist: int
):
    sim.fault(**fault, cloud=cloud.name, method="POST", times=0)
    with pytest.raises(Ambiguous):
        create(cloud, sim)
    assert posts(sim) == 1
    assert len(sim.live()) == exist


def test_a_create_that_was_rate_limited_is_posted_again_and_made_once(cloud: Cloud, sim: RunningSimulator):
    sim.fault("rate_limited", cloud=cloud.name, method="POST", retry_after_seconds=0.05, times=2)
    id = create(cloud, sim)
    assert posts(sim) == 3
    assert [line["id"] for line in sim.live()] == [id]


@pytest.mark.parametrize("fault", ["reset", "garbage", "empty", "truncated", "rate_limited", "status"])
def test_a_list_is_read_through_faults(cloud: Cloud, sim: RunningSimulator, fault: str):
    id = create(cloud, sim)
    sim.fault(fault, cloud=cloud.name, method="GET", retry_after_seconds=0.05, times=1)
    lifecycle = lifecycles_of(cloud.name)["Cluster"]
    assert [raw[lifecycle.id_field] for raw in lifecycle.list_all(client_of(cloud, sim))] == [id]


def test_a_list_that_comes_back_empty_makes_nothing_gone(cloud: Cloud, sim: RunningSimulator):
    id = create(cloud, sim)
    lifecycle = lifecycles_of(cloud.name)["Cluster"]
    sim.fault("empty_list", cloud=cloud.name, method="GET", times=0)
    assert Watcher(lifecycle, client_of(cloud, sim)).fresh(id)[lifecycle.id_field] == id


def test_what_is_not_there_is_not_found(cloud: Cloud, sim: RunningSimulator):
    with pytest.raises(NotFound):
        lifecycles_of(cloud.name)["Cluster"].get(client_of(cloud, sim), "no-such-id")


def test_a_wrong_key_and_a_sold_out_region_are_told_in_one_line(cloud: Cloud, sim: RunningSimulator):
    with pytest.raises(Unauthorized) as wrong:
        lifecycles_of(cloud.name)["Cluster"].list_all(client_of(cloud, sim, "wrong"))
    assert cloud.api_key_config in str(wrong.value) and cloud.api_key_environment in str(wrong.value)
    sim.fault("sold_out", cloud=cloud.name)
    with pytest.raises(OutOfCapacity) as sold_out:
        create(cloud, sim)
    assert posts(sim) == 1 and not sim.live()
    for error in (wrong.value, sold_out.value):
        assert "\n" not in str(error)


def test_a_simulator_that_does_not_run_is_told_with_its_command(cloud: Cloud, monkeypatch: pytest.MonkeyPatch):
    pauses: list[float] = []
    monkeypatch.setattr(CloudClient, "_sleep", lambda self, seconds: pauses.append(seconds))
    with running(speed=0) as gone:
        client = client_of(cloud, gone)
    with pytest.raises(CloudError) as refused:
        lifecycles_of(cloud.name)["Cluster"].list_all(client)
    assert isinstance(refused.value, Unavailable) and "`gpufleet simulate`" in str(refused.value) and pauses
