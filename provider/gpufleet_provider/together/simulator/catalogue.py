"""The catalogue of the simulated Together: regions, stock, drivers, node shapes and prices.

Sold out: the whole region `us-west-2`, and B300_SXM in `us-east-1`. They are listed like the others, because the real
list does not show stock either.
"""

from __future__ import annotations

from typing import Any, NamedTuple

GPUS_PER_NODE = 8

STOCK_GPUS: dict[str, dict[str, int]] = {
    "us-central-8": {"H100_SXM": 65536, "H200_SXM": 65536, "B200_SXM": 65536, "H100_SXM_INF": 4096},
    "us-central-4": {"H100_SXM": 65536, "H200_SXM": 16384, "L40_PCIE": 4096},
    "us-east-1": {"H100_SXM": 65536, "B200_SXM": 16384, "B300_SXM": 0, "GB200_SXM": 4096},
    "us-east-2": {"H200_SXM": 65536, "RTX_6000_PCI": 4096},
    "us-west-1": {"H100_SXM": 16384, "L40_PCIE": 4096},
    "us-west-2": {"H100_SXM": 0, "H200_SXM": 0, "B200_SXM": 0},
    "eu-north-1": {"H100_SXM": 65536, "H200_SXM": 16384},
    "ap-southeast-1": {"H100_SXM": 16384},
}
"""GPUs that can be sold, by region and GPU type. 0 is sold out; a type that is missing is not offered."""


class GpuShape(NamedTuple):
    """A node of eight GPUs, and what one of them costs."""

    num_cpu_cores: int
    memory_gib: float
    ib_hca_type: str
    ib_hca_count: int
    nvswitch_type: str
    nvswitch_count: int
    dollars_per_gpu_hour: float


GPU_SHAPES: dict[str, GpuShape] = {
    "H100_SXM": GpuShape(192, 1800.0, "ConnectX-7", 8, "NVSwitch3", 4, 2.99),
    "H100_SXM_INF": GpuShape(192, 1800.0, "ConnectX-7", 1, "NVSwitch3", 4, 2.39),
    "H200_SXM": GpuShape(192, 1900.0, "ConnectX-7", 8, "NVSwitch3", 4, 3.79),
    "B200_SXM": GpuShape(224, 3600.0, "ConnectX-7", 8, "NVSwitch4", 2, 5.50),
    "B300_SXM": GpuShape(224, 3800.0, "ConnectX-8", 8, "NVSwitch4", 2, 6.90),
    "GB200_SXM": GpuShape(288, 3400.0, "ConnectX-7", 8, "NVSwitch4", 2, 7.60),
    "RTX_6000_PCI": GpuShape(128, 1000.0, "ConnectX-6", 2, "", 0, 1.49),
    "L40_PCIE": GpuShape(128, 1000.0, "ConnectX-6", 2, "", 0, 1.39),
}

RESERVED_DISCOUNT = 0.25
PREEMPTIBLE_DISCOUNT = 0.5
DOLLARS_PER_TIB_HOUR = 0.22


class Driver(NamedTuple):
    """One entry of a region's `driver_versions`."""

    cuda_version: str
    nvidia_driver_version: str
    os: str


DRIVERS = (
    Driver("12.4", "550", "ubuntu-22.04"),
    Driver("12.6", "560", "ubuntu-22.04"),
    Driver("12.6", "560", "ubuntu-24.04"),
    Driver("12.8", "570", "ubuntu-22.04"),
    Driver("12.8", "570", "ubuntu-24.04"),
    Driver("13.0", "580", "ubuntu-24.04"),
)
"""Two pairs occur twice and differ only by operating system, as in the real catalogue."""


def driver_id(region: str, driver: Driver) -> str:
    """The region-specific id of a catalogue entry."""
    digits = "".join(letter for letter in driver.cuda_version + driver.os if letter.isdigit())
    return f"nvv-{region}-{driver.nvidia_driver_version}-{digits}"


def find_driver(region: str, wanted: str) -> Driver | None:
    """The entry with an id, or None if the region has none."""
    return next((driver for driver in DRIVERS if driver_id(region, driver) == wanted), None)


def find_driver_pair(cuda_version: str, nvidia_driver_version: str) -> Driver | None:
    """The entry of a pair of versions: `12.6-ubuntu-24.04` names the system, a bare `12.6` means ubuntu-22.04."""
    cuda, _, system = cuda_version.partition("-")
    matching = [
        driver
        for driver in DRIVERS
        if (driver.cuda_version, driver.nvidia_driver_version) == (cuda, nvidia_driver_version)
    ]
    exact = [driver for driver in matching if driver.os == (system or "ubuntu-22.04")]
    return (exact or ([] if system else matching) or [None])[0]


def regions() -> list[dict[str, Any]]:
    """The body of the region list."""
    return [
        {
            "name": region,
            "supported_instance_types": list(stock),
            "driver_versions": [
                {
                    "id": driver_id(region, driver),
                    "cuda_version": driver.cuda_version,
                    "nvidia_driver_version": driver.nvidia_driver_version,
                    "os": driver.os,
                }
                for driver in DRIVERS
            ],
        }
        for region, stock in STOCK_GPUS.items()
    ]
