"""What the live catalogue contradicts: warned of at a create, refused at a replacement, skipped where it is silent."""

from __future__ import annotations

import threading
from typing import Any, ClassVar, cast

import pytest
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.errors import Unavailable
from gpufleet_provider.model.fields import Failure, Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.operations import catalogue
from gpufleet_provider.operations.call import Call
from gpufleet_provider.shadeform import cluster_types
from gpufleet_provider.together import regions

REGIONS = [
    parse_info(regions.Region, region)
    for region in (
        {
            "name": "us-central-8",
            "supported_instance_types": ["H100_SXM", "H200_SXM"],
            "driver_versions": [{"id": "v1", "cuda_version": "12.6", "nvidia_driver_version": "560", "os": "ubuntu"}],
        },
        {"name": "us-east-2", "supported_instance_types": ["H200_SXM"], "driver_versions": []},
        {"name": "new-1"},
    )
]
OFFERS = [
    parse_info(
        cluster_types.ClusterType,
        {
            "cloud": cloud,
            "num_instances": number,
            "availability": {"region": region, "display_name": region, "available": available},
            "cluster_type": {"shade_instance_type": "H100_sxm5x8", "configuration": {"os_options": ["ubuntu22.04"]}},
        },
    )
    for cloud, region, number, available in (("denvr", "houston", 2, True), ("denvr", "houston", 4, False))
]
SHADE = {"cloud": "denvr", "region": "houston", "cluster_type": "H100_sxm5x8", "num_instances": 2}


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (
            {"region": "us-central-8", "gpu_type": "H100_SXM", "cuda_version": "12.6", "nvidia_driver_version": "560"},
            [],
        ),
        ({"region": "us-central-8", "cuda_version": "12.6-ubuntu", "nvidia_driver_version": "560.28"}, []),
        ({"region": "nowhere"}, ["region"]),
        ({"region": "us-east-2", "gpu_type": "H100_SXM"}, ["gpu_type"]),
        ({"region": "us-central-8", "nvidia_version_id": "v2"}, ["nvidia_version_id"]),
        ({"region": "us-central-8", "cuda_version": "11.0", "nvidia_driver_version": "560"}, ["cuda_version"]),
        # What the catalogue leaves out, it does not contradict.
        ({"region": "new-1", "gpu_type": "B300_SXM", "nvidia_version_id": "v9"}, []),
        ({"gpu_type": "H100_SXM"}, []),
    ],
)
def test_together(inputs: dict[str, str], expected: list[str]) -> None:
    assert [failure.path for failure in regions.catalogue_errors(REGIONS, inputs)] == expected


def test_together_says_where_the_type_is() -> None:
    (failure,) = regions.catalogue_errors(REGIONS, {"region": "us-east-2", "gpu_type": "H100_SXM"})
    assert failure == Failure("gpu_type", "us-east-2 has no H100_SXM; it has H200_SXM, and H100_SXM is in us-central-8")


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (SHADE, []),
        ({**SHADE, "os": "ubuntu22.04"}, []),
        ({**SHADE, "cloud": "denver"}, ["cloud"]),
        ({**SHADE, "region": "dallas"}, ["region"]),
        ({**SHADE, "cluster_type": "H200"}, ["cluster_type"]),
        ({**SHADE, "num_instances": 3}, ["num_instances"]),
        ({**SHADE, "num_instances": 4}, ["region"]),
        ({**SHADE, "os": "windows"}, ["os"]),
        ({"cloud": "denvr"}, []),
    ],
)
def test_shadeform(inputs: dict[str, object], expected: list[str]) -> None:
    assert [failure.path for failure in cluster_types.catalogue_errors(OFFERS, inputs)] == expected


# --- Asking -----------------------------------------------------------------------------------------------------------

PATIENTLY = 60


class Listed:
    """As much of a lifecycle as the catalogue needs; `answer` is called for each reading of it."""

    catalogue_fields: ClassVar[tuple[str, ...]] = ("region",)

    def __init__(self, token: str, answer: Any) -> None:
        self.token = token
        self.answer = answer
        self.read = 0

    def catalogue(self, client: object) -> Any:
        self.read += 1
        return self.answer()

    def catalogue_errors(self, catalogue: Any, inputs: Properties) -> list[Failure]:
        return [Failure("region", f"not in {catalogue[0]['name']}")]


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_catalogues", {})
    monkeypatch.setattr(catalogue, "_noted", set())


def ask(listed: Listed, warnings: list[str], client: object) -> list[Failure]:
    call = Call(warn=warnings.append, note=warnings.append)
    return catalogue.failures(
        cast("Lifecycle[Any]", listed), lambda: cast(CloudClient, client), call, {}, {"region": "us-1"}
    )


@pytest.mark.parametrize(
    "answer", [lambda: [{}], lambda: [None], lambda: None, lambda: 1 / 0, lambda: {}["regions"], list]
)
def test_a_catalogue_of_an_unknown_shape_is_one_warning_and_never_ends_the_run(answer: Any) -> None:
    warnings: list[str] = []
    listed, client = Listed("acme:Cluster", answer), object()
    assert [ask(listed, warnings, client) for _ in range(3)] == [[], [], []]
    (warning,) = warnings
    assert warning.startswith("acme:Cluster: inputs were not checked against the live catalogue: it could not be und")
    assert listed.read == 1


def test_a_cloud_that_does_not_answer_holds_up_no_other_cloud() -> None:
    asked, go = threading.Event(), threading.Event()

    def never() -> Any:
        asked.set()
        assert go.wait(PATIENTLY)
        raise Unavailable("no answer")

    warnings: list[str] = []
    slow, client = Listed("slow:Cluster", never), object()
    results: list[list[Failure]] = []
    threads = [
        threading.Thread(target=lambda: results.append(ask(slow, warnings, client)), daemon=True) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    assert asked.wait(PATIENTLY)
    other = threading.Thread(
        target=lambda: results.append(ask(Listed("quick:Cluster", lambda: [{"name": "x"}]), warnings, object())),
        daemon=True,
    )
    other.start()
    other.join(PATIENTLY)
    assert results == [[Failure("region", "not in x")]] and warnings == []
    go.set()
    for thread in threads:
        thread.join(PATIENTLY)
    assert results[1:] == [[]] * 5 and len(warnings) == 1 and slow.read == 1
