"""What clusters Shadeform offers: one entry per cloud, machine type, number of machines and region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpufleet_provider.lifecycle import Info
from gpufleet_provider.parsing import listed, parse_info
from gpufleet_provider.shadeform.instance_info import BootTime

if TYPE_CHECKING:
    from gpufleet_provider.http import CloudClient


class InstanceTypeConfiguration(Info):
    """The hardware of a machine type, and the operating systems that it can run."""

    memory_in_gb: int
    """Memory in GB, video memory not counted."""

    storage_in_gb: int
    """Storage in GB."""

    vcpus: int
    """Number of virtual CPUs."""

    num_gpus: int
    """Number of GPUs."""

    gpu_type: str
    """Type of the GPUs, such as `H100`."""

    interconnect: str
    """How the GPUs are connected, such as `sxm5` or `pcie`."""

    vram_per_gpu_in_gb: int
    """Video memory of each GPU in GB."""

    gpu_manufacturer: str
    """Who makes the GPUs, such as `nvidia`."""

    os_options: list[str]
    """Operating system images that `os` may name."""

    nvlink: bool | None = None
    """Whether the GPUs have NVLink."""


class Availability(Info):
    """Whether an offer can be had in a region; a hint, not a reservation."""

    region: str
    """Region, as the input has it."""

    display_name: str
    """The same for people."""

    available: bool
    """Whether it could be had when asked."""


class InstanceType(Info):
    """A type of machine."""

    cloud: str
    """Cloud that has it."""

    shade_instance_type: str
    """Its name in Shadeform's words: what a cluster's `cluster_type` names."""

    cloud_instance_type: str
    """Its name in the cloud's words."""

    configuration: InstanceTypeConfiguration
    """Hardware and operating systems."""

    hourly_price: int
    """Price per hour in US cents; of one machine or of the cluster, Shadeform does not say."""

    deployment_type: str
    """`vm`, `container` or `baremetal`."""

    availability: list[Availability]
    """Where single machines can be had; cluster offers leave it out."""

    boot_time: BootTime | None = None
    """How long such machines take to start."""


class ClusterType(Info):
    """A cluster that can be had."""

    cloud: str
    """Cloud that has it."""

    num_instances: int
    """Number of machines."""

    availability: Availability
    """Where it can be had."""

    cluster_type: InstanceType
    """The type of each machine."""


def list_cluster_types(client: CloudClient) -> list[ClusterType]:
    """Return every offer, in one request; raises CloudError."""
    offers = listed(client.request("GET", "/clusters/types"), "cluster_types", "Shadeform")
    return [parse_info(ClusterType, offer) for offer in offers]
