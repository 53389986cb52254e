"""The records of the simulated Shadeform: clusters, instances, keys and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from gpufleet_provider.shadeform.simulator.catalogue import Offer, find_offer
from gpufleet_provider.simulator.record import Record


class Machine(BaseModel):
    """A machine of a cluster."""

    id: str
    name: str
    number: int
    status: str = "creating"
    created_at: float
    active_at: float | None = None


class Rental(Record):
    """What clusters and instances have in common: they rent machines of one offer."""

    cloud: str
    region: str
    machine: str
    ssh_key_id: str
    os: str
    status: str = "creating"
    status_details: str | None = None
    active_at: float | None = None

    @property
    def offer(self) -> Offer:
        """The offer that is rented."""
        offer = find_offer(self.cloud, self.region, self.machine)
        assert offer is not None
        return offer


class Cluster(Rental):
    """A cluster."""

    kind: ClassVar[str] = "shadeform.cluster"

    num_instances: int
    updated_at: float
    cloud_cluster_id: str | None = None
    members: list[Machine] = Field(default_factory=list[Machine])
    pace: float = 1.0
    """The factor for every duration of this cluster."""
    rendered_period: int = Field(default=0, exclude=True)
    """The billing period whose cost the rendered JSON shows."""

    def ledger_fields(self) -> dict[str, Any]:
        """Place, type and size."""
        return {
            "status": self.status,
            "on": self.cloud,
            "region": self.region,
            "cluster_type": self.machine,
            "num_instances": self.num_instances,
        }


class Instance(Rental):
    """A single machine."""

    kind: ClassVar[str] = "shadeform.instance"

    shade_cloud: bool
    rental_type: str
    launch_configuration: dict[str, Any] | None = None
    volume_ids: list[str] = Field(default_factory=list[str])
    auto_delete: dict[str, Any] | None = None
    alert: dict[str, Any] | None = None
    volume_mount: dict[str, Any] | None = None
    tags: list[str] = Field(default_factory=list[str])
    envs: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])

    def ledger_fields(self) -> dict[str, Any]:
        """Place and type."""
        return {
            "status": self.status,
            "on": self.cloud,
            "region": self.region,
            "shade_instance_type": self.machine,
        }


class SshKey(Record):
    """An SSH key; Shadeform has the private key of a managed one."""

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

    def ledger_fields(self) -> dict[str, Any]:
        """Place and size."""
        return {"status": "active", "on": self.cloud, "region": self.region, "size_in_gb": self.size_in_gb}
