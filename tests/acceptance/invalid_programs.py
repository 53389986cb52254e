"""Programs that are wrong, each with the property path and the words that its preview must answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ABSENT = object()
"""Takes an input out of the base."""

TOGETHER: dict[str, Any] = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}
SLURM = {**TOGETHER, "cluster_type": "SLURM", "slurm_shm_size_gib": 64}
RESERVED = {**TOGETHER, "billing_type": "RESERVED", "duration_days": 7}
SHADEFORM: dict[str, Any] = {
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 2,
}
OIDC = {
    "issuer_url": "https://accounts.google.com",
    "client_id": "fleet",
    "username_claim": "email",
    "username_prefix": "oidc:",
    "group_claim": "groups",
    "group_prefix": "oidc:",
}
VOLUME = {"volume_name": "data", "size_tib": 1, "region": "us-central-8"}
ADD_ON = {"name": "dashboard", "add_on_type": "dashboard"}


@dataclass(frozen=True)
class InvalidProgram:
    """A cluster whose inputs are wrong in one way."""

    name: str
    kind: str
    inputs: dict[str, Any]
    path: str
    reason: str


def _together(name: str, path: str, reason: str, base: dict[str, Any] = TOGETHER, **wrong: Any) -> InvalidProgram:
    inputs = {key: value for key, value in {**base, **wrong}.items() if value is not ABSENT}
    return InvalidProgram(name, "together", inputs, path, reason)


def _shadeform(name: str, path: str, reason: str, **wrong: Any) -> InvalidProgram:
    inputs = {key: value for key, value in {**SHADEFORM, **wrong}.items() if value is not ABSENT}
    return InvalidProgram(name, "shadeform", inputs, path, reason)


def _config(**wrong: Any) -> dict[str, Any]:
    return {"cluster_config": {"load_balancer": "NONE", **wrong}}


def _without(whole: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in whole.items() if name != key}


INVALID_PROGRAMS = [
    # One field: absent, of the wrong type, out of bounds.
    _together("no-region", "region", "is required", region=ABSENT),
    _together("no-gpu-type", "gpu_type", "is required", gpu_type=ABSENT),
    _together("no-num-gpus", "num_gpus", "is required", num_gpus=ABSENT),
    _together("no-billing-type", "billing_type", "is required", billing_type=ABSENT),
    _together("empty-region", "region", "must not be empty", region=""),
    _together("empty-name", "cluster_name", "must not be empty", cluster_name=""),
    _together("region-number", "region", "expected a string, got 8", region=8),
    _together("gpus-text", "num_gpus", "expected a whole number, got '8' (a string)", num_gpus="8"),
    _together("gpus-fraction", "num_gpus", "expected a whole number, got 8.5", num_gpus=8.5),
    _together("gpus-true", "num_gpus", "expected a whole number, got True", num_gpus=True),
    _together("gpus-list", "num_gpus", "expected a whole number, got a list", num_gpus=[8]),
    _together("gpus-twelve", "num_gpus", "must be a multiple of 8, got 12", num_gpus=12),
    _together("gpus-zero", "num_gpus", "must be at least 8, got 0", num_gpus=0),
    _together("gpus-negative", "num_gpus", "must be at least 8, got -8", num_gpus=-8),
    _together("billing-misspelt", "billing_type", "must be 'RESERVED', 'ON_DEMAND' or", billing_type="ONDEMAND"),
    _together("billing-lower", "billing_type", "must be 'RESERVED', 'ON_DEMAND' or", billing_type="on_demand"),
    _together("type-misspelt", "cluster_type", "must be 'KUBERNETES' or 'SLURM', got 'K8S'", cluster_type="K8S"),
    _together("traefik-text", "install_traefik", "expected true or false, got 'yes'", install_traefik="yes"),
    _together("preemptible-four", "num_preemptible_gpus", "must be a multiple of 8, got 4", num_preemptible_gpus=4),
    _together("preemptible-negative", "num_preemptible_gpus", "at least 0, got -8", num_preemptible_gpus=-8),
    _together("volume-id-number", "volume_id", "expected a string, got 7", volume_id=7),
    _together("project-empty", "project_id", "must not be empty", project_id=""),
    _together("forfeit-text", "confirm_forfeit", "expected true or false, got 'yes'", confirm_forfeit="yes"),
    # The driver.
    _together(
        "no-driver", "nvidia_version_id", "the driver is missing", cuda_version=ABSENT, nvidia_driver_version=ABSENT
    ),
    _together("cuda-alone", "nvidia_driver_version", "is required with cuda_version", nvidia_driver_version=ABSENT),
    _together("driver-alone", "cuda_version", "is required with nvidia_driver_version", cuda_version=ABSENT),
    _together("both-drivers", "nvidia_version_id", "excludes cuda_version", nvidia_version_id="v-1"),
    # Parts of the GPUs.
    _together("pool-unnamed", "capacity_pool_id", "is required with num_capacity", num_capacity_pool_gpus=8),
    _together(
        "pool-too-large",
        "num_capacity_pool_gpus",
        "must not exceed num_gpus (8), got 16",
        num_capacity_pool_gpus=16,
        capacity_pool_id="pool",
    ),
    _together(
        "pool-twelve", "num_capacity_pool_gpus", "multiple of 8", num_capacity_pool_gpus=12, capacity_pool_id="p"
    ),
    _together("reserved-on-demand", "num_reserved_gpus", "for the billing type RESERVED only", num_reserved_gpus=8),
    _together(
        "reserved-too-large", "num_reserved_gpus", "must not exceed num_gpus", base=RESERVED, num_reserved_gpus=16
    ),
    _together(
        "reserved-and-pool",
        "num_capacity_pool_gpus",
        "with num_reserved_gpus it must not exceed",
        base=RESERVED,
        num_reserved_gpus=8,
        num_capacity_pool_gpus=8,
        capacity_pool_id="pool",
    ),
    _together("scale-unbounded", "auto_scale_max_gpus", "is required with auto_scale", auto_scale=True),
    _together("scale-off", "auto_scale_max_gpus", "has no effect without auto_scale", auto_scale_max_gpus=16),
    _together(
        "scale-below",
        "auto_scale_max_gpus",
        "at least num_gpus (16), got 8",
        num_gpus=16,
        auto_scale=True,
        auto_scale_max_gpus=8,
    ),
    _together(
        "scale-twelve", "auto_scale_max_gpus", "must be a multiple of 8", auto_scale=True, auto_scale_max_gpus=12
    ),
    # Kubernetes and Slurm.
    _together("slurm-no-memory", "slurm_shm_size_gib", "is required for SLURM", base=SLURM, slurm_shm_size_gib=ABSENT),
    _together("slurm-memory-zero", "slurm_shm_size_gib", "at least 1", base=SLURM, slurm_shm_size_gib=0),
    _together("memory-on-kubernetes", "slurm_shm_size_gib", "is for SLURM clusters only", slurm_shm_size_gib=64),
    _together("image-on-kubernetes", "slurm_image", "is for SLURM clusters only", slurm_image="slurm:1"),
    _together(
        "traefik-on-slurm", "install_traefik", "is for KUBERNETES clusters only", base=SLURM, install_traefik=True
    ),
    _together("preemptible-on-slurm", "num_preemptible_gpus", "is for KUBERNETES", base=SLURM, num_preemptible_gpus=8),
    _together("scale-on-slurm", "auto_scale", "is for KUBERNETES", base=SLURM, auto_scale=True, auto_scale_max_gpus=16),
    _together(
        "scripts-on-kubernetes",
        "cluster_config.slurm_startup_scripts",
        "is for SLURM clusters only",
        **_config(slurm_startup_scripts={"worker_prolog": "#!/bin/bash"}),
    ),
    _together(
        "script-without-shell",
        "cluster_config.slurm_startup_scripts.worker_prolog",
        "must begin with a shebang line",
        base=SLURM,
        **_config(slurm_startup_scripts={"worker_prolog": "echo hello"}),
    ),
    _together(
        "script-misspelt",
        "cluster_config.slurm_startup_scripts.worker_prologue",
        "did you mean 'worker_prolog'?",
        base=SLURM,
        **_config(slurm_startup_scripts={"worker_prologue": "#!/bin/bash"}),
    ),
    # Billing and time.
    _together("days-on-demand", "duration_days", "for the billing type RESERVED only", duration_days=7),
    _together("days-zero", "duration_days", "at least 1, got 0", base=RESERVED, duration_days=0),
    _together("days-many", "duration_days", "at most 90, got 365", base=RESERVED, duration_days=365),
    _together(
        "term-unstated", "duration_days", "say how long the prepaid term is", base=RESERVED, duration_days=ABSENT
    ),
    _together(
        "end-on-demand", "reservation_end_time", "prepaid clusters only", reservation_end_time="2027-01-01T00:00:00Z"
    ),
    _together(
        "scheduled-without-start",
        "reservation_start_time",
        "is required for the billing type SCHEDULED_CAPACITY",
        billing_type="SCHEDULED_CAPACITY",
        reservation_end_time="2027-01-01T00:00:00Z",
    ),
    _together(
        "scheduled-without-end",
        "reservation_end_time",
        "is required for the billing type SCHEDULED_CAPACITY",
        billing_type="SCHEDULED_CAPACITY",
        reservation_start_time="2027-01-01T00:00:00Z",
    ),
    _together(
        "end-before-start",
        "reservation_end_time",
        "must be after reservation_start_time",
        billing_type="SCHEDULED_CAPACITY",
        reservation_start_time="2027-01-02T00:00:00Z",
        reservation_end_time="2027-01-01T00:00:00Z",
    ),
    _together(
        "time-without-offset",
        "reservation_end_time",
        "expected an RFC 3339 time with an offset",
        base=RESERVED,
        reservation_end_time="2027-01-01T00:00:00",
    ),
    _together(
        "time-in-words",
        "reservation_end_time",
        "expected an RFC 3339 time",
        base=RESERVED,
        reservation_end_time="tomorrow",
    ),
    # Volumes.
    _together("volume-negative", "shared_volume.size_tib", "at least 1", shared_volume={**VOLUME, "size_tib": -1}),
    _together(
        "volume-fraction",
        "shared_volume.size_tib",
        "expected a whole number",
        shared_volume={**VOLUME, "size_tib": 1.5},
    ),
    _together(
        "volume-nameless", "shared_volume.volume_name", "is required", shared_volume=_without(VOLUME, "volume_name")
    ),
    _together("volume-sizeless", "shared_volume.size_tib", "is required", shared_volume=_without(VOLUME, "size_tib")),
    _together(
        "volume-far", "shared_volume.region", "cluster's own region", shared_volume={**VOLUME, "region": "us-west-2"}
    ),
    _together(
        "volume-misspelt", "shared_volume.size_tb", "did you mean 'size_tib'?", shared_volume={**VOLUME, "size_tb": 1}
    ),
    _together("volume-text", "shared_volume", "expected an object, got 'data'", shared_volume="data"),
    _together("volume-twice", "volume_id", "excludes shared_volume", shared_volume=VOLUME, volume_id="v-1"),
    # Cluster configuration, OIDC, add-ons, acceptance tests.
    _together("config-without-balancer", "cluster_config.load_balancer", "is required", cluster_config={}),
    _together(
        "balancer-misspelt",
        "cluster_config.load_balancer",
        "must be 'NONE', 'TRAEFIK'",
        cluster_config={"load_balancer": "HAPROXY"},
    ),
    _together(
        "config-misspelt", "cluster_config.jumphost", "did you mean 'jumphost_enabled'?", **_config(jumphost=True)
    ),
    _together("ingress-flat", "cluster_config.ingress", "expected an object", **_config(ingress=True)),
    _together("oidc-without-client", "oidc_config.client_id", "is required", oidc_config=_without(OIDC, "client_id")),
    _together(
        "oidc-without-groups", "oidc_config.group_claim", "is required", oidc_config=_without(OIDC, "group_claim")
    ),
    _together("oidc-misspelt", "oidc_config.issuer", "did you mean 'issuer_url'?", oidc_config={**OIDC, "issuer": "x"}),
    _together("add-ons-object", "add_ons", "expected a list, got an object", add_ons=ADD_ON),
    _together("add-on-nameless", "add_ons[0].name", "is required", add_ons=[_without(ADD_ON, "name")]),
    _together("add-on-typeless", "add_ons[1].add_on_type", "is required", add_ons=[ADD_ON, {"name": "ingress"}]),
    _together("add-on-twice", "add_ons[1].name", "is declared twice", add_ons=[ADD_ON, ADD_ON]),
    _together(
        "add-on-misspelt",
        "add_ons[0].config.dashbord",
        "did you mean 'dashboard'?",
        add_ons=[{**ADD_ON, "config": {"dashbord": {"enabled": True}}}],
    ),
    _together(
        "diagnostics-misspelt",
        "acceptance_tests_params.dcgm_diag_level",
        "must be 'DCGM_DIAG_LEVEL_SHORT'",
        acceptance_tests_params={"enabled": True, "dcgm_diag_level": "LONG"},
    ),
    _together(
        "burn-negative",
        "acceptance_tests_params.gpu_burn_duration",
        "at least 0",
        acceptance_tests_params={"gpu_burn_duration": -1},
    ),
    # Shadeform.
    _shadeform("shade-no-cloud", "cloud", "is required", cloud=ABSENT),
    _shadeform("shade-no-region", "region", "is required", region=ABSENT),
    _shadeform("shade-no-type", "cluster_type", "is required", cluster_type=ABSENT),
    _shadeform("shade-no-number", "num_instances", "is required", num_instances=ABSENT),
    _shadeform("shade-zero", "num_instances", "at least 1, got 0", num_instances=0),
    _shadeform("shade-fraction", "num_instances", "expected a whole number, got 1.5", num_instances=1.5),
    _shadeform("shade-text", "num_instances", "expected a whole number, got 'two'", num_instances="two"),
    _shadeform("shade-empty-type", "cluster_type", "must not be empty", cluster_type=""),
    _shadeform("shade-empty-os", "os", "must not be empty", os=""),
    _shadeform("shade-key-number", "ssh_key_id", "expected a string, got 5", ssh_key_id=5),
]
