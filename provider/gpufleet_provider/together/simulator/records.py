"""The records of the simulated Together: clusters with their nodes, volumes and remediations."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gpufleet_provider.simulator.record import Record
from gpufleet_provider.together.simulator.catalogue import GPUS_PER_NODE


class PhaseChange(BaseModel):
    """A phase and the cloud time at which it was entered."""

    phase: str
    at: float


class Node(BaseModel):
    """A control plane or GPU worker node."""

    node_id: str
    instance_id: str
    status: str = "Pending"
    phases: list[PhaseChange] = Field(default_factory=list[PhaseChange])
    is_preemptible: bool = False
    marked_for_deletion: bool = False
    deleted_at: float | None = None
    latest_remediation_id: str | None = None


class LifecycleEvent(BaseModel):
    """One entry of `node_lifecycle_events`."""

    node_id: str
    reason: str
    message: str
    at: float


class AddOn(BaseModel):
    """An add-on, shown only while it is enabled."""

    name: str
    add_on_type: str
    config: dict[str, Any]

    @property
    def is_enabled(self) -> bool:
        """Whether any part of its config enables it; an empty config does."""
        return any(part.get("enabled", True) for part in self.config.values()) if self.config else True


class Cluster(Record):
    """A cluster: declared are the fields that change or decide something, all others are in `body`."""

    model_config = ConfigDict(extra="allow")
    kind: ClassVar[str] = "together.cluster"

    region: str
    gpu_type: str
    cluster_type: str
    billing_type: str
    num_gpus: int
    num_reserved_gpus: int = 0
    num_capacity_pool_gpus: int = 0
    capacity_pool_id: str | None = None
    desired_preemptible_gpus: int = 0
    autoscaled_gpus: int = 0
    auto_scale: bool = False
    auto_scale_max_gpus: int | None = None
    project_id: str
    duration_hours: int | None = None
    reservation_start_time: float | None = None
    reservation_end_time: float | None = None
    slurm_shm_size_gib: int | None = None
    cluster_config: dict[str, Any]
    add_ons: list[AddOn] = Field(default_factory=list[AddOn])
    acceptance_tests: dict[str, Any] = Field(default_factory=dict[str, Any])
    volume_ids: list[str] = Field(default_factory=list[str])

    pace: float = 1.0
    """The factor for every duration of this cluster."""
    status: str
    phases: list[PhaseChange] = Field(default_factory=list[PhaseChange])
    control_plane_ready: bool = False
    control_plane_nodes: list[Node] = Field(default_factory=list[Node])
    workers: list[Node] = Field(default_factory=list[Node])
    deleted_workers: list[Node] = Field(default_factory=list[Node])
    events: list[LifecycleEvent] = Field(default_factory=list[LifecycleEvent])
    nodes_made: int = 0
    is_tombstone: bool = False
    sold_gpus: int = 0
    paused_from: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The validated fields of the create body that replies show and that nothing else needs."""
        return self.model_extra or {}

    @property
    def wanted_gpus(self) -> int:
        """Standard GPUs that the cluster should have, including the autoscaler's."""
        return self.num_gpus + self.autoscaled_gpus

    @property
    def preemptible_gpus(self) -> int:
        """Preemptible GPUs that the cluster has."""
        return GPUS_PER_NODE * sum(node.is_preemptible for node in self.workers)

    @property
    def remaining_workers(self) -> list[Node]:
        """Standard worker nodes that are not marked for deletion."""
        return [node for node in self.workers if not node.is_preemptible and not node.marked_for_deletion]

    def node(self, node_id: str) -> Node | None:
        """A node of either plane by its id."""
        return next((node for node in (*self.workers, *self.control_plane_nodes) if node.node_id == node_id), None)

    def ledger_fields(self) -> dict[str, Any]:
        """Size, billing and volumes."""
        return {
            "status": self.status,
            "region": self.region,
            "gpu_type": self.gpu_type,
            "num_gpus": self.num_gpus,
            "billing_type": self.billing_type,
            "volume_ids": self.volume_ids,
        }


class Volume(Record):
    """A shared volume."""

    kind: ClassVar[str] = "together.volume"

    region: str
    size_tib: int
    project_id: str
    is_lifecycle_independent: bool
    status: str = "provisioning"
    attached_to: list[str] = Field(default_factory=list[str])

    def ledger_fields(self) -> dict[str, Any]:
        """Size and clusters."""
        return {
            "status": self.status,
            "region": self.region,
            "size_tib": self.size_tib,
            "attached_to": self.attached_to,
            "is_lifecycle_independent": self.is_lifecycle_independent,
        }


class Remediation(Record):
    """A remediation; `name` is the node's id, the other fields are named as in the API."""

    kind: ClassVar[str] = "together.remediation"

    cluster_id: str
    instance_id: str
    node_id: str
    mode: str
    trigger: str
    state: str
    reason: str | None = None
    requested_by: str | None = None
    reviewed_by: str | None = None
    review_time: float | None = None
    review_comment: str | None = None
    start_time: float | None = None
    end_time: float | None = None
    update_time: float
    error_message: str | None = None
