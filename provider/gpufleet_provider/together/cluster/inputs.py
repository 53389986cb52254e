"""The nested inputs of a Together cluster: volume, cluster configuration, add-ons, OIDC, acceptance tests.

Together answers with the same shapes for `cluster_config` and `oidc_config`, so outputs use these types as well.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gpufleet_provider.model.fields import Body, Default, Lines, Suggested, Text

ADD_ON_TYPES = ("dashboard", "ingress", "headlamp", "slurm_web")
"""The add-ons that Together's newest create call knows; each is configured under the key of its own name."""


# --- Shared volume --------------------------------------------------------------------------------------------------


class SharedVolume(Body):
    """A volume that is created with the cluster and, unless `is_lifecycle_independent` is set, deleted with it."""

    volume_name: Text
    """Name of the volume. Changing it replaces the cluster and deletes the volume with its data, which needs
    `confirm_data_loss`."""

    size_tib: Annotated[int, Field(ge=1)]
    """Size in whole TiB, at least 1. It can grow in place and cannot shrink."""

    region: Text
    """Region of the volume; it must be the cluster's own region."""

    is_lifecycle_independent: Annotated[bool | None, Default(False)] = None
    """Whether the volume, with its data and its cost, outlives the cluster. Defaults to false."""

    project_id: Text | None = None
    """Project that owns the volume. Defaults to the project of the API key."""

    instance_cluster_id: Text | None = None
    """Id of a GPU cluster on whose infrastructure the volume is placed."""


# --- Cluster configuration ------------------------------------------------------------------------------------------


class SlurmStartupScripts(Body):
    """Scripts that Slurm runs through the life of jobs and nodes; each begins with a shebang line (`#!/bin/bash`).

    A change is applied to the running Slurm at once; a prolog that fails drains its node.
    """

    worker_prolog: Lines | None = None
    """Script run on a worker node before each job."""

    worker_epilog: Lines | None = None
    """Script run on a worker node after each job."""

    controller_prolog: Lines | None = None
    """Script run on the controller before each job."""

    controller_epilog: Lines | None = None
    """Script run on the controller after each job."""

    login_init_script: Lines | None = None
    """Script run when a login node starts."""

    nodeset_init_script: Lines | None = None
    """Script run when the nodes of a node set start."""

    extra_slurm_conf: Lines | None = None
    """Lines added to `slurm.conf`; not a script."""


class ClusterIngressConfig(Body):
    """Whether the cluster has an ingress."""

    enabled: bool | None = None
    """Whether it is enabled."""


class ObservabilityConfig(Body):
    """Whether the cluster has Together's observability stack."""

    enabled: bool | None = None
    """Whether it is enabled."""


class ClusterConfig(Body):
    """Configuration of the cluster's own services."""

    load_balancer: Literal["NONE", "TRAEFIK", "NGINX", "ISTIO"]
    """Load balancer of the cluster; required wherever `cluster_config` is given."""

    kubernetes_dashboard_enabled: bool | None = None
    """Whether the Kubernetes dashboard runs."""

    jumphost_enabled: bool | None = None
    """Whether a jump host for SSH runs."""

    slurm_startup_scripts: SlurmStartupScripts | None = None
    """Scripts for Slurm; SLURM clusters only."""

    ingress: ClusterIngressConfig | None = None
    """Ingress of the cluster."""

    observability: ObservabilityConfig | None = None
    """Observability of the cluster."""

    gpu_operator_version: Text | None = None
    """Version of NVIDIA's GPU Operator chart, such as `v24.6.2`. Defaults to Together's own choice."""

    network_operator_version: Text | None = None
    """Version of NVIDIA's Network Operator chart, such as `v24.7.0`. Defaults to Together's own choice."""

    ssh_ca_enabled: bool | None = None
    """Whether the cluster has an SSH certificate authority of its own, for SSH access signed through OIDC."""


# --- Add-ons --------------------------------------------------------------------------------------------------------


class DashboardConfig(Body):
    """Configuration of the `dashboard` add-on."""

    enabled: bool | None = None
    """Whether it is enabled."""


class IngressConfig(Body):
    """Configuration of the `ingress` add-on."""

    enabled: bool | None = None
    """Whether it is enabled."""


class HeadlampConfig(Body):
    """Configuration of the `headlamp` add-on, a Kubernetes dashboard."""

    enabled: bool | None = None
    """Whether it is enabled."""


class SlurmWebConfig(Body):
    """Configuration of the `slurm_web` add-on."""

    enabled: bool | None = None
    """Whether it is enabled."""


class AddOnConfig(Body):
    """Configuration of an add-on, under the key of its type."""

    dashboard: DashboardConfig | None = None
    """For an add-on of the type `dashboard`."""

    ingress: IngressConfig | None = None
    """For an add-on of the type `ingress`."""

    headlamp: HeadlampConfig | None = None
    """For an add-on of the type `headlamp`."""

    slurm_web: SlurmWebConfig | None = None
    """For an add-on of the type `slurm_web`."""


class AddOn(Body):
    """An add-on that the cluster is created with."""

    name: Text
    """Name of the add-on, by which later updates find it; unique in the cluster, usually the same as its type."""

    add_on_type: Annotated[Text, Suggested((*ADD_ON_TYPES, "torchpass"))]
    """Type of the add-on. It cannot change."""

    config: AddOnConfig | None = None
    """Configuration, such as `{"dashboard": {"enabled": True}}`; it changes in place."""


class AddOnUpdate(Body):
    """A change of an add-on that the cluster has."""

    name: Text
    """Name of an add-on of the cluster."""

    config: AddOnConfig | None = None
    """The configuration to merge into what it has."""


# --- OIDC -----------------------------------------------------------------------------------------------------------


class OidcConfig(Body):
    """OpenID Connect sign-in to the cluster."""

    issuer_url: Text
    """URL of the OIDC issuer, such as `https://accounts.google.com`."""

    client_id: Text
    """OIDC client id."""

    username_claim: Text
    """JWT claim that is the user name, such as `sub` or `email`."""

    username_prefix: str
    """What is put before the user name claim, such as `oidc:`."""

    group_claim: Text
    """JWT claim that lists the user's groups, such as `groups`."""

    group_prefix: str
    """What is put before each group, such as `oidc:`."""

    ca_cert: Lines | None = None
    """CA certificate in PEM for the issuer's TLS certificate; needed when a private CA signed it."""


# --- Acceptance tests -----------------------------------------------------------------------------------------------


class AcceptanceTestsParams(Body):
    """The tests that the GPUs must pass while the cluster is brought up."""

    enabled: bool | None = None
    """Whether acceptance tests run; nothing else here has an effect without it."""

    dcgm_diag_level: (
        Literal["DCGM_DIAG_LEVEL_SHORT", "DCGM_DIAG_LEVEL_MEDIUM", "DCGM_DIAG_LEVEL_LONG", "DCGM_DIAG_LEVEL_EXTENDED"]
        | None
    ) = None
    """Depth of NVIDIA's DCGM diagnostics: readiness, the default (MEDIUM), system validation, or memory test."""

    dcgm_diag_skipped: bool | None = None
    """Skip the DCGM diagnostics."""

    gpu_burn_duration: Annotated[int, Field(ge=0)] | None = None
    """How long the GPU burn test runs, in seconds. 0 or unset means Together's default."""

    gpu_burn_skipped: bool | None = None
    """Skip the GPU burn test."""

    nccl_single_node_skipped: bool | None = None
    """Skip the NCCL test within a node."""

    nccl_multi_node_skipped: bool | None = None
    """Skip the NCCL test across nodes."""

    storage_skipped: bool | None = None
    """Skip the storage performance test."""
