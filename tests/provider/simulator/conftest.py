"""Every test has a simulator of its own whose time stands still, and speaks plain HTTP to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from gpufleet_provider.simulator import RunningSimulator, running


class TogetherCaller(httpx.Client):
    """Together's API with a good key."""

    def __init__(self, sim: RunningSimulator, key: str = "good") -> None:
        super().__init__(base_url=sim.base_url("together"), headers={"Authorization": f"Bearer {key}"}, trust_env=False)

    @staticmethod
    def body(**changes: Any) -> dict[str, Any]:
        """A create body; a change to None leaves the field out."""
        fields: dict[str, Any] = {
            "cluster_name": "train",
            "region": "us-central-8",
            "gpu_type": "H100_SXM",
            "num_gpus": 8,
            "billing_type": "ON_DEMAND",
            "cuda_version": "12.6",
            "nvidia_driver_version": "560",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def create(self, **changes: Any) -> dict[str, Any]:
        response = self.post("/compute/clusters", json=self.body(**changes))
        assert response.status_code == 200, response.text
        return response.json()

    def cluster(self, cluster_id: str) -> dict[str, Any]:
        response = self.get(f"/compute/clusters/{cluster_id}")
        assert response.status_code == 200, response.text
        return response.json()

    def change(self, cluster_id: str, **fields: Any) -> httpx.Response:
        return self.put(f"/compute/clusters/{cluster_id}", json=fields)

    def remove(self, cluster_id: str) -> httpx.Response:
        return self.delete(f"/compute/clusters/{cluster_id}")

    def listed(self, **query: str) -> list[dict[str, Any]]:
        return self.get("/compute/clusters", params=query).json()["clusters"]

    def volume(self, **changes: Any) -> dict[str, Any]:
        body = {"volume_name": "data", "size_tib": 2, "region": "us-central-8", **changes}
        response = self.post("/compute/clusters/storage/volumes", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def read_volume(self, volume_id: str) -> httpx.Response:
        return self.get(f"/compute/clusters/storage/volumes/{volume_id}")


class ShadeformCaller(httpx.Client):
    """Shadeform's API with a good key."""

    def __init__(self, sim: RunningSimulator, key: str = "good") -> None:
        super().__init__(base_url=sim.base_url("shadeform"), headers={"X-API-KEY": key}, trust_env=False)

    @staticmethod
    def body(**changes: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "cloud": "denvr",
            "region": "houston-usa-1",
            "cluster_type": "H100_sxm5x8",
            "name": "batch",
            "num_instances": 2,
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def create(self, **changes: Any) -> str:
        response = self.post("/clusters/create", json=self.body(**changes))
        assert response.status_code == 200, response.text
        assert set(response.json()) == {"id"}
        return response.json()["id"]

    def cluster(self, cluster_id: str) -> dict[str, Any]:
        response = self.get(f"/clusters/{cluster_id}/info")
        assert response.status_code == 200, response.text
        return response.json()

    def remove(self, cluster_id: str) -> httpx.Response:
        return self.post(f"/clusters/{cluster_id}/delete")

    def listed(self) -> list[dict[str, Any]]:
        return self.get("/clusters").json()["clusters"]

    def instance(self, **changes: Any) -> str:
        body = {
            "cloud": "hyperstack",
            "region": "canada-1",
            "shade_instance_type": "A6000",
            "shade_cloud": True,
            "name": "box",
            **changes,
        }
        response = self.post("/instances/create", json=body)
        assert response.status_code == 200, response.text
        return response.json()["id"]


@pytest.fixture
def sim() -> Iterator[RunningSimulator]:
    with running(speed=0) as simulator:
        yield simulator


@pytest.fixture
def together(sim: RunningSimulator) -> Iterator[TogetherCaller]:
    with TogetherCaller(sim) as caller:
        yield caller


@pytest.fixture
def shadeform(sim: RunningSimulator) -> Iterator[ShadeformCaller]:
    with ShadeformCaller(sim) as caller:
        yield caller


@pytest.fixture(scope="session")
def schemas() -> dict[str, Any]:
    """The vendors' published schemas, read where they lie: `{"together": …, "shadeform": …}`."""
    repository = Path(__file__).parents[3]
    folder = Path(os.environ.get("GPUFLEET_APIS", repository.parent / "shared" / "apis"))
    if not folder.is_dir():
        pytest.skip(f"the vendors' schemas are not at {folder} (GPUFLEET_APIS)")
    found = {path.name.partition("-")[0]: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
    return found
