"""What clusters Shadeform offers: one entry per cloud, machine type, number of machines and region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gpufleet_provider.model.fields import Failure, Info, Properties
from gpufleet_provider.model.lifecycle import Client
from gpufleet_provider.model.replies import fetch_rows, parse_info
from gpufleet_provider.shadeform.cluster_instances import BootTime


class InstanceTypeConfiguration(Info):
    """The hardware of a machine type, and the operating systems that it can run."""

    memory_in_gb: int | None
    """Memory in GB, video memory not counted."""

    storage_in_gb: int | None
    """Storage in GB."""

    vcpus: int | None
    """Number of virtual CPUs."""

    num_gpus: int | None
    """Number of GPUs."""

    gpu_type: str | None
    """Type of the GPUs, such as `H100`."""

    interconnect: str | None
    """How the GPUs are connected, such as `sxm5` or `pcie`."""

    vram_per_gpu_in_gb: int | None
    """Video memory of each GPU in GB."""

    gpu_manufacturer: str | None
    """Who makes the GPUs, such as `nvidia`."""

    os_options: list[str] | None
    """Operating system images that `os` may name."""

    nvlink: bool | None = None
    """Whether the GPUs have NVLink."""


class Availability(Info):
    """Availability of an offer in a region: a hint, not a reservation."""

    region: str | None
    """Region, as in a cluster's argument `region`."""

    display_name: str | None
    """Display name."""

    available: bool | None
    """Whether it was available when asked."""


class InstanceType(Info):
    """A type of machine."""

    cloud: str | None
    """Cloud that has it."""

    shade_instance_type: str | None
    """Shadeform's name of the type: what a cluster's `cluster_type` names."""

    cloud_instance_type: str | None
    """The cloud's own name of the type."""

    configuration: InstanceTypeConfiguration | None
    """Hardware and operating systems."""

    hourly_price: int | None
    """Price per hour in US cents; of one machine or of the cluster, Shadeform does not say."""

    deployment_type: str | None
    """`vm`, `container` or `baremetal`."""

    availability: list[Availability] | None
    """Availability of single machines by region; cluster offers leave it out."""

    boot_time: BootTime | None = None
    """How long such machines take to start."""


class ClusterType(Info):
    """A cluster that Shadeform offers."""

    cloud: str | None
    """Cloud that has it."""

    num_instances: int | None
    """Number of machines."""

    availability: Availability | None
    """Region of the offer, and whether it is available."""

    cluster_type: InstanceType | None
    """The type of each machine."""


def list_cluster_types(client: Client) -> list[ClusterType]:
    """Return every offer, in one request; raises CloudError."""
    return [parse_info(ClusterType, offer) for offer in fetch_rows(client, "/clusters/types", "cluster_types")]


_NARROWING: tuple[tuple[str, Callable[[ClusterType], Any]], ...] = (
    ("cloud", lambda offer: offer.cloud),
    ("region", lambda offer: offer.availability and offer.availability.region),
    ("cluster_type", lambda offer: offer.cluster_type and offer.cluster_type.shade_instance_type),
    ("num_instances", lambda offer: offer.num_instances),
)


def catalogue_errors(offers: list[ClusterType], inputs: Properties) -> Iterator[Failure]:
    """Return at which input the list of offers runs out, or that the one that is left is sold out now."""
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
    if all(offer.availability is not None and offer.availability.available is False for offer in left):
        yield Failure("region", f"Shadeform lists this cluster as sold out in {inputs['region']} now")
    os, offered = inputs.get("os"), left[0].cluster_type
    images = offered.configuration.os_options if offered is not None and offered.configuration is not None else None
    if os is not None and images and os not in images:
        yield Failure("os", f"{inputs['cluster_type']} has no {os!r}; it has {', '.join(images)}")
