"""What the list of regions contradicts, where replies leave names out."""

from __future__ import annotations

from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.together.regions import Region, catalogue_errors

REGIONS = [
    parse_info(Region, region)
    for region in (
        {"name": "us-1", "supported_instance_types": ["H200_SXM"]},
        {"supported_instance_types": ["H100_SXM"]},
        {"name": "us-2", "supported_instance_types": ["H100_SXM", None]},
    )
]


def test_a_region_without_a_name_is_left_out_of_messages() -> None:
    [unknown] = catalogue_errors(REGIONS, {"region": "us-9"})
    assert unknown.reason == "Together has no region 'us-9'; it has us-1, us-2"
    [elsewhere] = catalogue_errors(REGIONS, {"region": "us-1", "gpu_type": "H100_SXM"})
    assert elsewhere.reason == "us-1 has no H100_SXM; it has H200_SXM, and H100_SXM is in us-2"
