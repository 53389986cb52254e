"""The catalogue of the simulated Shadeform: machine types, where they are on offer, and prices in cents.

Sold out: `voltagepark` in `culpeper-usa-1` says so in its list (`available: false`). `massedcompute` in
`desmoines-usa-1` is listed as available and refuses every cluster, as has been reported of the real one.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple


class MachineType(NamedTuple):
    """A `shade_instance_type` and its hardware."""

    name: str
    cloud_instance_type: str
    gpu_type: str
    num_gpus: int
    vram_per_gpu_in_gb: int
    interconnect: str
    nvlink: bool
    memory_in_gb: int
    storage_in_gb: int
    vcpus: int


MACHINE_TYPES = {
    it.name: it
    for it in (
        MachineType("H100_sxm5x8", "H100_80GB_SXM_8x", "H100", 8, 80, "sxm5", True, 940, 20000, 208),
        MachineType("H200x8", "H200_141GB_SXM_8x", "H200", 8, 141, "sxm5", True, 1800, 30000, 208),
        MachineType("B200x8", "B200_180GB_SXM_8x", "B200", 8, 180, "sxm6", True, 3600, 30000, 224),
        MachineType("A100_80Gx8", "A100_80GB_SXM_8x", "A100_80G", 8, 80, "sxm4", True, 1800, 14000, 240),
        MachineType("H100", "gpu_1x_h100", "H100", 1, 80, "pcie", False, 180, 750, 28),
        MachineType("A6000", "gpu_1x_a6000", "A6000", 1, 48, "pcie", False, 58, 250, 28),
    )
}

OS_OPTIONS = (
    "ubuntu22.04_cuda12.4_shade_os",
    "ubuntu20.04_cuda12.4_shade_os",
    "ubuntu20.04",
    "ubuntu22.04",
    "ubuntu24.04_cuda12.8_shade_os",
)


class Offer(NamedTuple):
    """A machine type in a region of a cloud. `sizes` are those of clusters; empty if only instances are on offer."""

    cloud: str
    region: str
    display_name: str
    machine: str
    cents_per_hour: int
    min_boot_in_sec: int
    max_boot_in_sec: int
    sizes: tuple[int, ...] = ()
    stock: Literal["available", "sold_out", "sold_out_unlisted"] = "available"

    @property
    def key(self) -> str:
        """`cloud/region/type`, as the switches name it."""
        return f"{self.cloud}/{self.region}/{self.machine}"


_SIZES = (1, 2, 4, 8, 16)

OFFERS = (
    Offer("denvr", "houston-usa-1", "US, Houston, TX", "H100_sxm5x8", 1400, 600, 1200, _SIZES),
    Offer("denvr", "houston-usa-1", "US, Houston, TX", "A100_80Gx8", 960, 600, 1200, _SIZES),
    Offer("hyperstack", "canada-1", "Canada, Montreal", "H100_sxm5x8", 1560, 480, 900, _SIZES),
    Offer("nebius", "eu-north1", "Finland, Mantsala", "H200x8", 2360, 600, 1500, _SIZES),
    Offer("lambdalabs", "us-south-1", "US, Dallas, TX", "B200x8", 3992, 600, 1800, _SIZES),
    Offer("lambdalabs", "us-west-1", "US, San Jose, CA", "H100_sxm5x8", 2392, 600, 1200, _SIZES),
    Offer("voltagepark", "culpeper-usa-1", "US, Culpeper, VA", "H100_sxm5x8", 1592, 900, 3600, _SIZES, "sold_out"),
    Offer(
        "massedcompute",
        "desmoines-usa-1",
        "US, Des Moines, IA",
        "H100_sxm5x8",
        1700,
        600,
        1200,
        _SIZES,
        "sold_out_unlisted",
    ),
    Offer("hyperstack", "canada-1", "Canada, Montreal", "H100", 225, 180, 300),
    Offer("hyperstack", "canada-1", "Canada, Montreal", "A6000", 50, 180, 300),
    Offer("hyperstack", "norway-1", "Norway, Oslo", "A6000", 50, 180, 300, (), "sold_out"),
    Offer("massedcompute", "desmoines-usa-1", "US, Des Moines, IA", "A6000", 57, 180, 420),
)

VOLUME_OFFERS = (
    ("hyperstack", "canada-1", False, True, 0.0001),
    ("denvr", "houston-usa-1", True, True, 0.00012),
    ("nebius", "eu-north1", True, False, 0.00015),
    ("lambdalabs", "us-south-1", True, False, 0.00028),
)
"""Cloud, region, supports_multi_mount, fixed_size, dollars per GB and hour."""

STOCK_NODES = 100_000
"""Machines of each offer that can run at once."""


def find_offer(cloud: str, region: str, machine: str) -> Offer | None:
    """The offer of a type in a region, or None."""
    return next((it for it in OFFERS if (it.cloud, it.region, it.machine) == (cloud, region, machine)), None)


def configuration(machine: str) -> dict[str, Any]:
    """The configuration that instances and types both show of a machine."""
    it = MACHINE_TYPES[machine]
    return {
        "memory_in_gb": it.memory_in_gb,
        "storage_in_gb": it.storage_in_gb,
        "vcpus": it.vcpus,
        "num_gpus": it.num_gpus,
        "gpu_type": it.gpu_type,
        "interconnect": it.interconnect,
        "nvlink": it.nvlink,
        "vram_per_gpu_in_gb": it.vram_per_gpu_in_gb,
        "gpu_manufacturer": "nvidia",
    }


def instance_type(offer: Offer, availability: list[dict[str, Any]]) -> dict[str, Any]:
    """An InstanceType, also the `cluster_type` object of a cluster type."""
    return {
        "cloud": offer.cloud,
        "shade_instance_type": offer.machine,
        "cloud_instance_type": MACHINE_TYPES[offer.machine].cloud_instance_type,
        "configuration": {**configuration(offer.machine), "os_options": list(OS_OPTIONS)},
        "hourly_price": offer.cents_per_hour,
        "deployment_type": "vm",
        "boot_time": {"min_boot_in_sec": offer.min_boot_in_sec, "max_boot_in_sec": offer.max_boot_in_sec},
        "availability": availability,
    }
