"""What clusters Shadeform offers: one entry per cloud, machine type, number of machines and region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gpufleet_provider.model.fields import Failure, Info, Properties
from gpufleet_provider.model.lifecycle import Client
from gpufleet_provider.model.replies import listed, parse_info
from gpufleet_provider.shadeform.cluster_instances import BootTime


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
    """Availability of an offer in a region: a hint, not a reservation."""

    region: str
    """Region, as in a cluster's argument `region`."""

    display_name: str
    """Display name."""

    available: bool
    """Whether it was available when asked."""


class InstanceType(Info):
    """A type of machine."""

    cloud: str
    """Cloud that has it."""

    shade_instance_type: str
    """Shadeform's name of the type: what a cluster's `cluster_type` names."""

    cloud_instance_type: str
    """The cloud's own name of the type."""

    configuration: InstanceTypeConfiguration
    """Hardware and operating systems."""

    hourly_price: int
    """Price per hour in US cents; of one machine or of the cluster, Shadeform does not say."""

    deployment_type: str
    """`vm`, `container` or `baremetal`."""

    availability: list[Availability]
    """Availability of single machines by region; cluster offers leave it out."""

    boot_time: BootTime | None = None
    """How long such machines take to start."""


class ClusterType(Info):
    """A cluster that Shadeform offers."""

    cloud: str
    """Cloud that has it."""

    num_instances: int
    """Number of machines."""

    availability: Availability
    """Region of the offer, and whether it is available."""

    cluster_type: InstanceType
    """The type of each machine."""


def list_cluster_types(client: Client) -> list[ClusterType]:
    """Return every offer, in one request; raises CloudError."""
    offers = listed(client.request("GET", "/clusters/types"), "cluster_types", "Shadeform")
    return [parse_info(ClusterType, offer) for offer in offers]


_NARROWING: tuple[tuple[str, Callable[[ClusterType], Any]], ...] = (
    ("cloud", lambda offer: offer.cloud),
    ("region", lambda offer: offer.availability and offer.availability.region),
    ("cluster_type", lambda offer: offer.cluster_type and offer.cluster_type.shade_instance_type),
    ("num_instances", lambda offer: offer.num_instances),
)


def catalogue_errors(offers: list[ClusterType], inputs: Properties) -> Iterator[Failure]:
    """Say at which input the list of offers runs out, or that the one that is left is sold out now."""
    left = offers
    for name, value_of in _NARROWING:
        wanted = inputs.get(name)
        if wanted is None or not left:
            return
        narrowed = [offer for offer in left if value_of(offer) == wanted]
        if not narrowed:
            known = ", ".join(sorted({str(value_of(offer)) for offer in left}))
            given = ", ".join(str(inputs[it]) for it, _ in _NARROWING[: [n for n, _ in _NARROWING].index(name)])
            yield Failure(name, f"Shadeform offers no {wanted!r}{f' for {given}' if given else ''}; it offers {known}")
            return
        left = narrowed
    if not any(offer.availability.available is not False for offer in left):
        yield Failure("region", f"Shadeform lists this cluster as sold out in {inputs['region']} now")
    os, images = inputs.get("os"), left[0].cluster_type.configuration and left[0].cluster_type.configuration.os_options
    if os is not None and images and os not in images:
        yield Failure("os", f"{inputs['cluster_type']} has no {os!r}; it has {', '.join(images)}")
