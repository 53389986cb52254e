"""The bodies of a Together cluster: its inputs, what changes in place, and its outputs.

Fields are those of Together's own create, update and read bodies at the level of its Python SDK 3.1.1.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gpufleet_provider.model.fields import (
    Body,
    CreateOnly,
    Default,
    Info,
    Instant,
    KeyedBy,
    Local,
    Name,
    Refused,
    Required,
    Secret,
    ShownAs,
    Suggested,
    Text,
    Unreadable,
    Version,
    WhenRemoved,
)
from gpufleet_provider.together.cluster.inputs import (
    AcceptanceTestsParams,
    AddOn,
    AddOnUpdate,
    ClusterConfig,
    OidcConfig,
    SharedVolume,
)
from gpufleet_provider.together.cluster.outputs import (
    AddOnInfo,
    ClusterPhaseTransition,
    ClusterVolume,
    ControlPlaneNode,
    GpuWorkerNode,
    NodeLifecycleEvent,
)

BillingType = Literal["RESERVED", "ON_DEMAND", "SCHEDULED_CAPACITY"]
ClusterType = Literal["KUBERNETES", "SLURM"]
Gpus = Annotated[int, Field(ge=8, multiple_of=8)]
GpuShare = Annotated[int, Field(ge=0, multiple_of=8)]
"""A part of the GPUs; 0 is none."""

GPU_TYPES = (
    "H100_SXM",
    "H200_SXM",
    "B200_SXM",
    "B300_SXM",
    "GB200_SXM",
    "H100_SXM_INF",
    "RTX_6000_PCI",
    "L40_PCIE",
)
STATUSES = (
    "Scheduled",  # in no schema, but the vendor's command line knows it
    "WaitingForControlPlaneNodes",
    "WaitingForDataPlaneNodes",
    "WaitingForSubnet",
    "WaitingForSharedVolume",
    "InstallingDrivers",
    "RunningAcceptanceTests",
    "Ready",
    "Degraded",
    "Paused",
    "OnDemandComputePaused",
    "Deleting",
)


# --- Create body ----------------------------------------------------------------------------------------------------


class ClusterCreate(Body):
    """A GPU cluster on Together.

    The driver is chosen with `nvidia_version_id`, or with both `cuda_version` and `nvidia_driver_version`.

    ## Example Usage

    ```python
    import pulumi
    from pulumi_gpufleet import together

    train = together.Cluster(
        "train",
        region="us-central-8",
        gpu_type="H100_SXM",
        num_gpus=16,
        billing_type="ON_DEMAND",
        cuda_version="12.6",
        nvidia_driver_version="560",
        shared_volume={"volume_name": "datasets", "size_tib": 2, "region": "us-central-8"},
    )
    pulumi.export("kubeconfig", train.kube_config)
    pulumi.export("nodes", train.gpu_worker_nodes.apply(lambda nodes: [node.host_name for node in nodes]))
    ```
    """

    cluster_name: Name | None = None
    """Name of the cluster. Defaults to `<resource name>-<8 hex digits>-<8 hex digits>`, stable across runs."""

    region: Text
    """Region, such as `us-central-8`; `together.get_regions()` lists them."""

    gpu_type: Annotated[Text, Suggested(GPU_TYPES)]
    """Type of the GPUs; `together.get_regions()` lists those of each region."""

    num_gpus: Gpus
    """Number of GPUs without preemptible ones: a multiple of 8, at least 8."""

    billing_type: BillingType
    """How the cluster is paid: `ON_DEMAND` until it is deleted; `RESERVED` for a term that is prepaid and not refunded;
    `SCHEDULED_CAPACITY` for a window of time, with `reservation_start_time` and `reservation_end_time`."""

    cluster_type: Annotated[ClusterType | None, Default("KUBERNETES")] = None
    """What runs on the nodes. Defaults to `KUBERNETES`."""

    nvidia_version_id: Annotated[Text | None, Unreadable("the id that replies have is Together's internal one")] = None
    """Driver and CUDA version, as an id from the region's `driver_versions`. Excludes `cuda_version` and
    `nvidia_driver_version`."""

    cuda_version: Version | None = None
    """CUDA version, such as `12.6`. Requires `nvidia_driver_version`; the region must offer the pair."""

    nvidia_driver_version: Version | None = None
    """NVIDIA driver version, such as `560`. Requires `cuda_version`; the region must offer the pair."""

    duration_days: Annotated[
        Annotated[int, Field(ge=1, le=90)] | None,
        Refused(
            "the term was bought when the cluster was created: restore the value, "
            "and set reservation_end_time to move the end of the term"
        ),
    ] = None
    """Length of the prepaid term in days, 1 to 90; `RESERVED` only. To extend it later, set `reservation_end_time`."""

    reservation_start_time: Instant | None = None
    """When the reserved window begins (RFC 3339 with an offset)."""

    reservation_end_time: Annotated[
        Instant | None,
        Required("Together keeps the end time that it has: leave it in the program, or set another one"),
    ] = None
    """When the prepaid cluster is taken down (RFC 3339 with an offset)."""

    num_reserved_gpus: Annotated[
        GpuShare | None,
        Required("without a number Together would prepay every GPU: say how many are prepaid"),
    ] = None
    """How many of the GPUs are prepaid; `RESERVED` only. Defaults to all of them."""

    num_preemptible_gpus: Annotated[
        GpuShare | None, ShownAs("desired_preemptible_gpus"), Default(0), WhenRemoved(0)
    ] = None
    """Preemptible GPUs wanted besides `num_gpus`, a multiple of 8; `KUBERNETES` only. Defaults to 0. They cost less,
    may be taken away at any time and may never be available, so no run waits for them."""

    capacity_pool_id: Text | None = None
    """Capacity pool to draw GPUs from."""

    num_capacity_pool_gpus: Annotated[GpuShare | None, Default(0), WhenRemoved(0)] = None
    """How many of the GPUs come from the capacity pool, a multiple of 8."""

    auto_scale: Annotated[bool | None, Default(False), Unreadable("no reply of Together shows it")] = None
    """Whether the number of GPUs follows the load, between `num_gpus` and `auto_scale_max_gpus`; `KUBERNETES` only."""

    auto_scale_max_gpus: Annotated[Gpus | None, Unreadable("no reply of Together shows it")] = None
    """Most GPUs that auto-scaling may use, a multiple of 8; required with `auto_scale`."""

    shared_volume: SharedVolume | None = None
    """A volume that is created and deleted with the cluster. Excludes `volume_id`."""

    volume_id: Text | None = None
    """Id of an existing volume to attach; it outlives the cluster. Excludes `shared_volume`."""

    slurm_shm_size_gib: Annotated[int, Field(ge=1)] | None = None
    """Shared memory of Slurm nodes in GiB; required for `SLURM`, and for nothing else."""

    slurm_image: Annotated[Text | None, Unreadable("no reply of Together shows it")] = None
    """Image of the Slurm nodes; `SLURM` only."""

    install_traefik: Annotated[bool | None, Default(False)] = None
    """Whether the Traefik ingress controller is installed; `KUBERNETES` only. Defaults to false."""

    project_id: Text | None = None
    """Project that owns the cluster. Defaults to the project of the API key."""

    oidc_config: OidcConfig | None = None
    """OpenID Connect sign-in to the cluster."""

    cluster_config: Annotated[
        ClusterConfig | None,
        Required("Together keeps the configuration that it has: leave it in the program with the values you want"),
    ] = None
    """Configuration of the cluster's own services. Changing it updates the cluster in place, as a whole."""

    add_ons: Annotated[list[AddOn] | None, KeyedBy("name"), WhenRemoved(())] = None
    """Add-ons. Their configuration changes in place, and one that is removed is disabled. Together cannot add one to an
    existing cluster: declare an add-on that may be needed later with `enabled` false. Their order has no meaning."""

    acceptance_tests_params: Annotated[
        AcceptanceTestsParams | None,
        CreateOnly("acceptance tests run while a cluster is brought up: on a living one the change has no effect"),
        Unreadable("no reply of Together shows it"),
    ] = None
    """Tests that the GPUs must pass while the cluster is set up."""

    confirm_forfeit: Annotated[bool | None, Local()] = None
    """Set it to allow a replacement, or fewer GPUs, to forfeit what is left of a prepaid term. It is not sent to
    Together."""

    confirm_data_loss: Annotated[bool | None, Local()] = None
    """Set it to allow a replacement to delete the volume of the cluster (`shared_volume`) with its data. It is not sent
    to Together."""


# --- Update body ----------------------------------------------------------------------------------------------------


class ClusterUpdate(Body):
    """What changes in place.

    Together's call also takes `cluster_type`, but what a switch does to workloads is stated nowhere, and a switch to
    Slurm needs `slurm_shm_size_gib`, which the call lacks: it replaces. `shared_volume` goes through the volumes'
    update call.
    """

    num_gpus: Gpus | None = None
    """Number of GPUs."""

    reservation_end_time: Instant | None = None
    """When the prepaid cluster is taken down (RFC 3339)."""

    num_reserved_gpus: GpuShare | None = None
    """How many of the GPUs are prepaid."""

    num_preemptible_gpus: GpuShare | None = None
    """Preemptible GPUs wanted besides `num_gpus`."""

    num_capacity_pool_gpus: GpuShare | None = None
    """How many of the GPUs come from the capacity pool."""

    cluster_config: ClusterConfig | None = None
    """The whole configuration; `load_balancer` must be in it."""

    add_ons: list[AddOnUpdate] | None = None
    """Changed add-ons, told by name."""

    shared_volume: SharedVolume | None = None
    """The inline volume, of which only the size may grow."""


# --- Info body ------------------------------------------------------------------------------------------------------


class ClusterInfo(Info):
    """A GPU cluster as Together shows it."""

    cluster_id: str | None
    """Id of the cluster."""

    cluster_name: str | None
    """Name of the cluster."""

    cluster_type: Annotated[str | None, Suggested(("KUBERNETES", "SLURM"))]
    """What runs on the nodes."""

    region: str | None
    """Region."""

    gpu_type: Annotated[str | None, Suggested(GPU_TYPES)]
    """Type of the GPUs."""

    status: Annotated[str | None, Suggested(STATUSES)]
    """Status; `Ended` once the prepaid term is over and Together has taken the cluster down."""

    billing_type: Annotated[str | None, Suggested(("RESERVED", "ON_DEMAND", "SCHEDULED_CAPACITY"))]
    """How the cluster is paid."""

    num_gpus: int | None
    """Number of GPUs without preemptible ones."""

    num_reserved_gpus: int | None
    """How many of the GPUs are prepaid."""

    num_capacity_pool_gpus: int | None
    """How many of the GPUs come from a capacity pool."""

    desired_preemptible_gpus: int | None
    """Preemptible GPUs wanted."""

    allocated_preemptible_gpus: int | None
    """Preemptible GPUs present now; often fewer than wanted."""

    num_cpu_workers: int | None
    """Number of worker nodes without GPUs."""

    cuda_version: str | None
    """CUDA version."""

    nvidia_driver_version: str | None
    """NVIDIA driver version."""

    project_id: str | None
    """Project that owns the cluster."""

    kube_config: Annotated[str | None, Secret()]
    """The kubeconfig as YAML, ready for `pulumi_kubernetes.Provider`; empty until there is one."""

    volumes: list[ClusterVolume] | None
    """Attached volumes."""

    control_plane_nodes: list[ControlPlaneNode] | None
    """Nodes of the control plane."""

    gpu_worker_nodes: list[GpuWorkerNode] | None
    """Nodes with GPUs, preemptible ones included."""

    phase_transitions: list[ClusterPhaseTransition] | None
    """Phases of the cluster, with the time of each."""

    add_ons: list[AddOnInfo] | None
    """Enabled add-ons."""

    created_at: str | None = None
    """When the cluster was created (RFC 3339)."""

    first_ready_at: str | None = None
    """When the cluster was first ready (RFC 3339)."""

    reservation_start_time: str | None = None
    """When the reserved window begins (RFC 3339)."""

    reservation_end_time: str | None = None
    """When the prepaid cluster is taken down (RFC 3339)."""

    duration_hours: int | None = None
    """Length of the prepaid term in hours."""

    slurm_shm_size_gib: int | None = None
    """Shared memory of Slurm nodes in GiB."""

    capacity_pool_id: str | None = None
    """Capacity pool that GPUs are drawn from."""

    install_traefik: bool | None = None
    """Whether the Traefik ingress controller is installed."""

    control_plane_ready: bool | None = None
    """Whether the control plane is ready now."""

    is_in_substrate: bool | None = None
    """Whether the cluster runs on the platform that Together manages."""

    machine_cluster_id: str | None = None
    """Id of the machine cluster behind this one."""

    ums_project_id: str | None = None
    """Project in Together's user management."""

    ums_org_id: str | None = None
    """Organization in Together's user management."""

    os_image: str | None = None
    """Image of the GPU nodes' data volumes."""

    nvidia_driver_version_id: str | None = None
    """Together's internal id of the driver and CUDA version."""

    oidc_config: OidcConfig | None = None
    """OpenID Connect sign-in to the cluster."""

    cluster_config: ClusterConfig | None = None
    """Configuration of the cluster's own services, defaults filled in."""

    deleted_gpu_worker_nodes: list[GpuWorkerNode] | None = None
    """Nodes that have left the cluster; they do not count as capacity."""

    node_lifecycle_events: list[NodeLifecycleEvent] | None = None
    """Nodes that were added, removed or preempted recently."""
