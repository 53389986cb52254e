"""The machines of a Shadeform cluster, as its replies show them.

`launch_configuration` is deliberately absent: Shadeform echoes container environments, registry passwords and scripts
in it, and clusters cannot be created with one.
"""

from __future__ import annotations

from typing import Annotated

from gpufleet_provider.model.fields import Info, Suggested

STATUSES = ("creating", "pending_provider", "pending", "active", "error", "deleting", "deleted")


class BootTime(Info):
    """How long machines of a kind take to start."""

    min_boot_in_sec: int | None = None
    """Shortest estimate in seconds."""

    max_boot_in_sec: int | None = None
    """Longest estimate in seconds."""


class InstanceConfiguration(Info):
    """The hardware and the operating system of a machine."""

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

    os: str | None
    """Operating system image."""

    nvlink: bool | None = None
    """Whether the GPUs have NVLink."""


class PortMapping(Info):
    """A port that the cloud maps to another one."""

    internal_port: int | None = None
    """Port on the machine."""

    external_port: int | None = None
    """Port outside."""


class RentalTerms(Info):
    """Terms that a machine is rented on."""

    rental_type: Annotated[str | None, Suggested(("on_demand", "spot", "commitment"))]
    """Kind of rental."""

    hourly_price: str | None = None
    """Price per hour in dollars, as a decimal string (other prices are whole cents)."""

    ending_at: str | None = None
    """When the rental ends (RFC 3339)."""


class Instance(Info):
    """A machine of a cluster."""

    id: str | None
    """Id of the machine."""

    cloud: str | None
    """Cloud that it runs on."""

    region: str | None
    """Region that it runs in."""

    shade_instance_type: str | None
    """Type of the machine as Shadeform names it."""

    cloud_instance_type: str | None
    """Type of the machine as the cloud names it."""

    cloud_assigned_id: str | None
    """Id of the machine in the cloud."""

    shade_cloud: bool | None
    """Whether it runs in Shadeform's account, rather than in a linked one."""

    name: str | None
    """Name of the machine."""

    configuration: InstanceConfiguration | None
    """Hardware and operating system."""

    ip: str | None
    """Public address, sometimes a DNS name; absent until there is one."""

    ssh_user: str | None
    """User for SSH."""

    ssh_port: int | None
    """Port for SSH; where it is absent, 22."""

    status: Annotated[str | None, Suggested(STATUSES)]
    """Status."""

    cost_estimate: str | None
    """What the machine has cost so far in dollars, as a decimal string."""

    created_at: str | None
    """When it was created (RFC 3339)."""

    deleted_at: str | None
    """When it was deleted (RFC 3339); absent while it exists."""

    status_details: str | None = None
    """More about the status."""

    hourly_price: int | None = None
    """Price per hour in US cents."""

    rental_terms: RentalTerms | None = None
    """On what terms it is rented."""

    tags: list[str] | None = None
    """Tags."""

    port_mappings: list[PortMapping] | None = None
    """Ports that the cloud maps by itself."""

    active_at: str | None = None
    """When it became active (RFC 3339)."""

    boot_time: BootTime | None = None
    """How long machines of its kind take to start."""
