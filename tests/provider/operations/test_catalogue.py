"""What the live catalogue contradicts: warned of at a create, refused at a replacement, skipped where it is silent."""

from __future__ import annotations

import pytest
from gpufleet_provider.model.fields import Failure
from gpufleet_provider.model.replies import parse_info
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
