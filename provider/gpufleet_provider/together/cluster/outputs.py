"""The nested outputs of a Together cluster: its nodes, volumes, phases, events and add-ons."""

from __future__ import annotations

from typing import Annotated

from gpufleet_provider.model.fields import Info, Suggested
from gpufleet_provider.together.cluster.inputs import (
    ADD_ON_TYPES,
    DashboardConfig,
    HeadlampConfig,
    IngressConfig,
    SlurmWebConfig,
)
from gpufleet_provider.together.cluster.remediation import Remediation

# --- Phases ---------------------------------------------------------------------------------------------------------

CLUSTER_PHASES = (
    "CLUSTER_PHASE_QUEUED",
    "CLUSTER_PHASE_SCHEDULED",
    "CLUSTER_PHASE_WAITING_FOR_CONTROL_PLANE_NODES",
    "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES",
    "CLUSTER_PHASE_WAITING_FOR_SUBNET",
    "CLUSTER_PHASE_WAITING_FOR_SHARED_VOLUME",
    "CLUSTER_PHASE_WAITING_FOR_AUTO_SCALER",
    "CLUSTER_PHASE_INSTALLING_DRIVERS",
    "CLUSTER_PHASE_RUNNING_ACCEPTANCE_TESTS",
    "CLUSTER_PHASE_ACCEPTANCE_TESTS_FAILED",
    "CLUSTER_PHASE_RUNNING_NCCL_TESTS",
    "CLUSTER_PHASE_NCCL_TESTS_FAILED",
    "CLUSTER_PHASE_READY",
    "CLUSTER_PHASE_PAUSED",
    "CLUSTER_PHASE_ON_DEMAND_COMPUTE_PAUSED",
    "CLUSTER_PHASE_DEGRADED",
    "CLUSTER_PHASE_DELETING",
)

NODE_PHASES = (
    "NODE_PHASE_PENDING",
    "NODE_PHASE_SCHEDULING",
    "NODE_PHASE_BOOTING",
    "NODE_PHASE_BOOTSTRAPPING",
    "NODE_PHASE_RUNNING",
    "NODE_PHASE_SUCCEEDED",
    "NODE_PHASE_FAILED",
    "NODE_PHASE_PAUSED",
)


class ClusterPhaseTransition(Info):
    """A change of a cluster's phase."""

    phase: Annotated[str | None, Suggested(CLUSTER_PHASES)]
    """Phase that the cluster entered."""

    transition_time: str | None
    """Time of the transition (RFC 3339)."""


class NodePhaseTransition(Info):
    """A change of a node's phase."""

    phase: Annotated[str | None, Suggested(NODE_PHASES)]
    """Phase that the node entered."""

    transition_time: str | None
    """Time of the transition (RFC 3339)."""


# --- Nodes ----------------------------------------------------------------------------------------------------------


class ControlPlaneNode(Info):
    """A node of the control plane."""

    node_id: str | None
    """Id of the node."""

    status: str | None
    """Status of the node, as Together reports it."""

    host_name: str | None
    """Host name."""

    num_cpu_cores: int | None
    """Number of CPU cores."""

    memory_gib: float | None
    """Memory in GiB."""

    network: str | None
    """Network that the node is in."""

    phase_transitions: list[NodePhaseTransition] | None
    """Phases of the node, with the time of each."""

    public_ipv4: str | None = None
    """Public IPv4 address."""


class GpuWorkerNode(Info):
    """A node with GPUs."""

    node_id: str | None
    """Id of the node; a preemptible one has `gpu-preemptible-dp` in its name."""

    status: str | None
    """Status of the node, as Together reports it."""

    host_name: str | None
    """Host name."""

    num_cpu_cores: int | None
    """Number of CPU cores."""

    num_gpus: int | None
    """Number of GPUs."""

    memory_gib: float | None
    """Memory in GiB."""

    networks: list[str] | None
    """Networks that the node is in."""

    phase_transitions: list[NodePhaseTransition] | None
    """Phases of the node, with the time of each."""

    instance_id: str | None = None
    """Instance behind the node; remediations name it."""

    slurm_worker_hostname: str | None = None
    """Host name in Slurm; SLURM clusters only."""

    public_ipv4: str | None = None
    """Public IPv4 address."""

    ib_hca_type: str | None = None
    """Type of the InfiniBand adapters."""

    ib_hca_count: int | None = None
    """Number of InfiniBand adapters."""

    nvswitch_type: str | None = None
    """Type of the NVSwitches."""

    nvswitch_count: int | None = None
    """Number of NVSwitches."""

    ephemeral_storage: str | None = None
    """Size of the ephemeral storage, such as `1Ti`."""

    auto_remediation_enabled: bool | None = None
    """Whether Together repairs the node automatically."""

    marked_for_deletion: bool | None = None
    """Whether the node is about to be removed."""

    deleted_at: str | None = None
    """When the node left the cluster (RFC 3339); only in `deleted_gpu_worker_nodes`."""

    latest_remediation: Remediation | None = None
    """The latest request to repair the node."""


class NodeLifecycleEvent(Info):
    """A node that was added, removed or preempted."""

    node_id: str | None
    """Name of the node."""

    reason: Annotated[str | None, Suggested(("TogetherScaledUp", "TogetherScaledDown", "TogetherPreempted"))]
    """Reason, such as `TogetherPreempted`."""

    message: str | None
    """Human-readable message."""

    timestamp: str | None
    """Time of the event (RFC 3339)."""


# --- Volumes and add-ons --------------------------------------------------------------------------------------------


class ClusterVolume(Info):
    """A volume that is attached to the cluster."""

    volume_id: str | None
    """Id of the volume."""

    volume_name: str | None
    """Name of the volume; in a Kubernetes cluster also the name of its persistent volume."""

    size_tib: int | None
    """Size in TiB."""

    status: str | None
    """Status of the volume, such as `bound`."""


class TorchpassConfig(Info):
    """Configuration of the `torchpass` add-on (Model Aware TorchPass)."""

    enabled: bool | None = None
    """Whether the add-on is enabled."""


class AddOnConfigInfo(Info):
    """Configuration of an add-on, under the key of its type."""

    dashboard: DashboardConfig | None = None
    """For an add-on of the type `dashboard`."""

    ingress: IngressConfig | None = None
    """For an add-on of the type `ingress`."""

    headlamp: HeadlampConfig | None = None
    """For an add-on of the type `headlamp`."""

    slurm_web: SlurmWebConfig | None = None
    """For an add-on of the type `slurm_web`."""

    torchpass: TorchpassConfig | None = None
    """For an add-on of the type `torchpass`, which the create call no longer knows."""


class EmptyState(Info):
    """State of an add-on of one type; Together shows nothing in it yet."""


class AddOnState(Info):
    """State of an add-on, under the key of its type."""

    dashboard: EmptyState | None = None
    """For an add-on of the type `dashboard`."""

    ingress: EmptyState | None = None
    """For an add-on of the type `ingress`."""

    headlamp: EmptyState | None = None
    """For an add-on of the type `headlamp`."""

    slurm_web: EmptyState | None = None
    """For an add-on of the type `slurm_web`."""

    torchpass: EmptyState | None = None
    """For an add-on of the type `torchpass`."""


class AddOnInfo(Info):
    """An enabled add-on; Together does not show disabled ones."""

    name: str | None
    """Name of the add-on."""

    add_on_type: Annotated[str | None, Suggested((*ADD_ON_TYPES, "torchpass"))]
    """Type of the add-on."""

    config: AddOnConfigInfo | None
    """Configuration of the add-on."""

    state: AddOnState | None
    """State of the add-on."""
