"""The regions that Together has, with their GPU types and driver versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpufleet_provider.lifecycle import Info
from gpufleet_provider.parsing import listed, parse_info

if TYPE_CHECKING:
    from gpufleet_provider.http import CloudClient


class DriverVersion(Info):
    """A driver and CUDA version that clusters in the region can have."""

    id: str
    """What a cluster's `nvidia_version_id` names; each region has its own."""

    cuda_version: str
    """CUDA version."""

    nvidia_driver_version: str
    """NVIDIA driver version."""

    os: str
    """Operating system of the image; the same pair of versions may come with several."""


class Region(Info):
    """A region."""

    name: str
    """What a cluster's `region` names."""

    supported_instance_types: list[str]
    """GPU types that the region has; being listed does not mean that any is free."""

    driver_versions: list[DriverVersion]
    """Driver and CUDA versions that clusters in the region can have."""


def list_regions(client: CloudClient) -> list[Region]:
    """Return every region, in one request; raises CloudError."""
    regions = listed(client.request("GET", "/compute/regions"), "regions", "Together")
    return [parse_info(Region, region) for region in regions]
