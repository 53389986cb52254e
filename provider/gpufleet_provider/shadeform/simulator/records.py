"""What the simulated Shadeform keeps about clusters, instances, keys and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from gpufleet_provider.simulator.world import Record


class Machine(BaseModel):
    """What a cluster's member and an instance have in common."""

    id: str
    name: str
    number: int
    status: str = "creating"
    created_at: float
    active_at: float | None = None


class Cluster(Record):
    """A cluster."""

    kind: ClassVar[str] = "shadeform.cluster"

    cloud: str
    region: str
    machine: str
    num_instances: int
    ssh_key_id: str
    os: str
    status: str
    status_details: str | None = None
    updated_at: float
    active_at: float | None = None
    cloud_cluster_id: str | None = None
    members: list[Machine] = Field(default_factory=list[Machine])
    pace: float = 1.0
    is_visible: bool = True
    rendered_period: int = Field(default=0, exclude=True)
    """The billing period whose cost the rendered JSON shows."""


class Instance(Record):
    """A single machine."""

    kind: ClassVar[str] = "shadeform.instance"

    cloud: str
    region: str
    machine: str
    shade_cloud: bool
    os: str
    rental_type: str
    ssh_key_id: str
    status: str = "creating"
    status_details: str | None = None
    active_at: float | None = None
    launch_configuration: dict[str, Any] | None = None
    volume_ids: list[str] = Field(default_factory=list[str])
    auto_delete: dict[str, Any] | None = None
    alert: dict[str, Any] | None = None
    volume_mount: dict[str, Any] | None = None
    tags: list[str] = Field(default_factory=list[str])
    envs: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])


class SshKey(Record):
    """A public key; a managed one has its private half as well."""

    kind: ClassVar[str] = "shadeform.ssh_key"

    public_key: str
    is_default: bool = False
    is_managed: bool = False


class Volume(Record):
    """A volume."""

    kind: ClassVar[str] = "shadeform.volume"

    cloud: str
    region: str
    size_in_gb: int
    fixed_size: bool
    supports_multi_mount: bool
    mounted_by: str | None = None
