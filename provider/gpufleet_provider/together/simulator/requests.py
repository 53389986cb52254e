"""The request bodies of the simulated Together: how they are read, and why they are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpufleet_provider.simulator.clock import rfc3339
from gpufleet_provider.simulator.wire import Body, Refusal
from gpufleet_provider.together.simulator.catalogue import (
    GPUS_PER_NODE,
    STOCK_GPUS,
    Driver,
    driver_id,
    find_driver,
    find_driver_pair,
)
from gpufleet_provider.together.simulator.records import AddOn

CLUSTER_TYPES = ("KUBERNETES", "SLURM")
BILLING_TYPES = ("RESERVED", "ON_DEMAND", "SCHEDULED_CAPACITY")
LOAD_BALANCERS = ("NONE", "TRAEFIK", "NGINX", "ISTIO")
DIAG_LEVELS = tuple(f"DCGM_DIAG_LEVEL_{level}" for level in ("SHORT", "MEDIUM", "LONG", "EXTENDED"))
ADD_ON_TYPES = ("dashboard", "ingress", "headlamp", "slurm_web", "torchpass")
SLURM_SCRIPTS = (
    "worker_prolog",
    "worker_epilog",
    "controller_prolog",
    "controller_epilog",
    "login_init_script",
    "nodeset_init_script",
    "extra_slurm_conf",
)
CLUSTER_CONFIG_DEFAULTS: dict[str, Any] = {
    "kubernetes_dashboard_enabled": False,
    "jumphost_enabled": False,
    "ingress": {"enabled": False},
    "observability": {"enabled": False},
    "gpu_operator_version": "v25.3.0",
    "network_operator_version": "v25.1.0",
    "ssh_ca_enabled": False,
}
DEFAULT_PROJECT_ID = "proj-simulated"


def read_cluster(body: Body, now: float) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The fields of the new `Cluster`, and those of its inline `Volume`; raises `Refusal` for the first fault.

    A field that the record does not declare is kept in its `body`.
    """
    name = body.need_text("cluster_name")
    region = body.need_text("region")
    gpu_type = body.need_text("gpu_type")
    num_gpus = _gpus(body, "num_gpus", body.need_integer("num_gpus"), at_least=GPUS_PER_NODE)
    billing_type = body.one_of("billing_type", BILLING_TYPES) or body.need_text("billing_type")
    cluster_type = body.one_of("cluster_type", CLUSTER_TYPES) or "KUBERNETES"
    if region not in STOCK_GPUS:
        raise body.bad("region", f"{region!r} is not a known region")
    if gpu_type not in STOCK_GPUS[region]:
        raise body.bad("gpu_type", f"{gpu_type} is not supported in region {region}")
    driver = _driver(body, region)
    start, end, duration_hours = _term(body, billing_type, now)
    reserved, pool = _reserved_and_pool(body, billing_type, num_gpus)
    preemptible = _gpus(body, "num_preemptible_gpus", body.integer("num_preemptible_gpus") or 0)
    if preemptible and cluster_type != "KUBERNETES":
        raise body.bad("num_preemptible_gpus", "is only supported for KUBERNETES clusters")
    auto_scale = bool(body.flag("auto_scale") or body.flag("auto_scaled"))
    auto_scale_max_gpus = body.integer("auto_scale_max_gpus")
    if auto_scale and auto_scale_max_gpus is None:
        raise body.bad("auto_scale_max_gpus", "is required when auto_scale is true")
    if auto_scale_max_gpus is not None and _gpus(body, "auto_scale_max_gpus", auto_scale_max_gpus) < num_gpus:
        raise body.bad("auto_scale_max_gpus", "must not be less than num_gpus")
    shm = body.integer("slurm_shm_size_gib")
    if cluster_type == "SLURM" and not shm:
        raise body.bad("slurm_shm_size_gib", "is required for SLURM clusters")
    if body.text("slurm_image") is not None and cluster_type != "SLURM":
        raise body.bad("slurm_image", "is only supported for SLURM clusters")
    install_traefik = bool(body.flag("install_traefik"))
    if install_traefik and cluster_type != "KUBERNETES":
        raise body.bad("install_traefik", "is only supported for KUBERNETES clusters")
    shared = body.child("shared_volume")
    volume_id = body.text("volume_id")
    if shared is not None and volume_id is not None:
        raise body.bad("volume_id", "cannot be combined with shared_volume")
    volume = read_volume(shared) if shared is not None else None
    if volume is not None and volume["region"] != region:
        raise body.bad("shared_volume.region", "must be the cluster's region")
    config = body.child("cluster_config")
    defaults = {"load_balancer": "TRAEFIK" if install_traefik else "NONE", **CLUSTER_CONFIG_DEFAULTS}
    fields = {
        "name": name,
        "region": region,
        "gpu_type": gpu_type,
        "num_gpus": num_gpus,
        "billing_type": billing_type,
        "cluster_type": cluster_type,
        "os": driver.os,
        "driver_id": driver_id(region, driver),
        "cuda_version": body.text("cuda_version") or driver.cuda_version,
        "nvidia_driver_version": body.text("nvidia_driver_version") or driver.nvidia_driver_version,
        "reservation_start_time": start,
        "reservation_end_time": end,
        "duration_hours": duration_hours,
        "num_reserved_gpus": reserved,
        "num_capacity_pool_gpus": pool,
        "desired_preemptible_gpus": preemptible,
        "capacity_pool_id": body.text("capacity_pool_id"),
        "volume_ids": [] if volume_id is None else [volume_id],
        "auto_scale": auto_scale,
        "auto_scale_max_gpus": auto_scale_max_gpus,
        "slurm_shm_size_gib": shm,
        "install_traefik": install_traefik,
        "project_id": body.text("project_id") or DEFAULT_PROJECT_ID,
        "oidc_config": _oidc(body.child("oidc_config")),
        "cluster_config": defaults if config is None else {**defaults, **read_cluster_config(config, cluster_type)},
        "add_ons": [read_add_on(item) for item in body.children("add_ons") or []],
        "acceptance_tests": _acceptance_tests(body.child("acceptance_tests_params")),
    }
    return fields, volume


@dataclass
class UpdateRequest:
    """A PUT of a cluster; None keeps the present value."""

    cluster_type: str | None
    num_gpus: int | None
    reservation_end_time: float | None
    num_reserved_gpus: int | None
    num_preemptible_gpus: int | None
    num_capacity_pool_gpus: int | None
    cluster_config: dict[str, Any] | None
    add_ons: list[tuple[str, dict[str, Any]]]


def read_update(body: Body, cluster_type: str) -> UpdateRequest:
    """A PUT body for a cluster of the given type; raises `Refusal` for the first fault."""
    num_gpus = body.integer("num_gpus")
    if num_gpus is not None:
        _gpus(body, "num_gpus", num_gpus, at_least=GPUS_PER_NODE)
    preemptible = body.integer("num_preemptible_gpus")
    if preemptible is not None and _gpus(body, "num_preemptible_gpus", preemptible) and cluster_type != "KUBERNETES":
        raise body.bad("num_preemptible_gpus", "is only supported for KUBERNETES clusters")
    pool = body.integer("num_capacity_pool_gpus")
    if pool is not None:
        _gpus(body, "num_capacity_pool_gpus", pool)
    new_type = body.one_of("cluster_type", CLUSTER_TYPES)
    config = body.child("cluster_config")
    return UpdateRequest(
        cluster_type=new_type,
        num_gpus=num_gpus,
        reservation_end_time=body.instant("reservation_end_time"),
        num_reserved_gpus=body.integer("num_reserved_gpus"),
        num_preemptible_gpus=preemptible,
        num_capacity_pool_gpus=pool,
        cluster_config=None if config is None else read_cluster_config(config, new_type or cluster_type),
        add_ons=[(item.need_text("name"), read_add_on_config(item)) for item in body.children("add_ons") or []],
    )


def read_volume(body: Body) -> dict[str, Any]:
    """The fields of the new `Volume`; `is_lifecycle_independent` is None if the body does not say."""
    region = body.need_text("region")
    if region not in STOCK_GPUS:
        raise body.bad("region", f"{region!r} is not a known region")
    size_tib = body.need_integer("size_tib")
    if size_tib < 1:
        raise body.bad("size_tib", "must be at least 1")
    body.text("instance_cluster_id")
    return {
        "name": body.need_text("volume_name"),
        "size_tib": size_tib,
        "region": region,
        "is_lifecycle_independent": body.flag("is_lifecycle_independent"),
        "project_id": body.text("project_id") or DEFAULT_PROJECT_ID,
    }


def read_cluster_config(body: Body, cluster_type: str) -> dict[str, Any]:
    """The fields of a cluster_config that were sent."""
    config: dict[str, Any] = {"load_balancer": body.one_of("load_balancer", LOAD_BALANCERS)}
    if config["load_balancer"] is None:
        raise body.bad("load_balancer", "is required")
    for name in ("kubernetes_dashboard_enabled", "jumphost_enabled", "ssh_ca_enabled"):
        config[name] = body.flag(name)
    for name in ("gpu_operator_version", "network_operator_version"):
        config[name] = body.text(name)
    for name in ("ingress", "observability"):
        part = body.child(name)
        config[name] = None if part is None else {"enabled": bool(part.flag("enabled"))}
    scripts = body.child("slurm_startup_scripts")
    if scripts is not None:
        if cluster_type != "SLURM":
            raise body.bad("slurm_startup_scripts", "is only supported for SLURM clusters")
        sent = {name: scripts.text(name) for name in SLURM_SCRIPTS}
        config["slurm_startup_scripts"] = {name: script for name, script in sent.items() if script is not None}
    return {name: value for name, value in config.items() if value is not None}


def _gpus(body: Body, name: str, value: int, at_least: int = 0) -> int:
    if value < at_least or value % GPUS_PER_NODE:
        raise body.bad(name, f"must be a multiple of {GPUS_PER_NODE}, at least {at_least}, got {value}")
    return value


def _driver(body: Body, region: str) -> Driver:
    wanted = body.text("nvidia_version_id")
    cuda, version = body.text("cuda_version"), body.text("nvidia_driver_version")
    by_id = find_driver(region, wanted) if wanted is not None else None
    if wanted is not None and by_id is None:
        raise body.bad("nvidia_version_id", f"{wanted!r} is not available in region {region}")
    if cuda is None and version is None and by_id is not None:
        return by_id
    if cuda is None or version is None:
        raise Refusal(400, "cuda version and nvidia driver version are required", "invalid_request", "cuda_version")
    by_pair = find_driver_pair(cuda, version)
    if by_pair is None:
        raise body.bad("cuda_version", f"{cuda} with nvidia driver {version} is not a supported combination")
    if by_id is not None and by_id[:2] != by_pair[:2]:
        raise body.bad("nvidia_version_id", "does not match cuda_version and nvidia_driver_version")
    return by_id or by_pair


def _term(body: Body, billing_type: str, now: float) -> tuple[float | None, float | None, int | None]:
    """Start and end of the reservation and its hours; all None for on-demand clusters."""
    days = body.integer("duration_days")
    start, end = body.instant("reservation_start_time"), body.instant("reservation_end_time")
    if billing_type == "ON_DEMAND":
        if days is not None:
            raise body.bad("duration_days", "is only supported for RESERVED billing")
        if start is not None or end is not None:
            raise body.bad("reservation_end_time", "is only accepted for prepaid clusters")
        return None, None, None
    if days is not None and not (billing_type == "RESERVED" and 1 <= days <= 90):
        raise body.bad("duration_days", "is only supported for RESERVED billing, from 1 to 90 days")
    begin = now if start is None else start
    if end is None and days is not None:
        end = begin + days * 86400
    if end is None:
        missing = "duration_days" if billing_type == "RESERVED" else "reservation_end_time"
        raise body.bad(missing, f"is required for {billing_type} billing")
    if end <= max(begin, now):
        raise body.bad("reservation_end_time", f"must be after the start and in the future (it is {rfc3339(now)})")
    return begin, end, round((end - begin) / 3600)


def _reserved_and_pool(body: Body, billing_type: str, num_gpus: int) -> tuple[int, int]:
    pool = body.integer("num_capacity_pool_gpus") or 0
    if _gpus(body, "num_capacity_pool_gpus", pool) and body.text("capacity_pool_id") is None:
        raise body.bad("num_capacity_pool_gpus", "needs a capacity_pool_id")
    if pool > num_gpus:
        raise body.bad("num_capacity_pool_gpus", "must not exceed num_gpus")
    reserved = body.integer("num_reserved_gpus")
    if reserved is not None and billing_type != "RESERVED":
        raise body.bad("num_reserved_gpus", "is only supported for RESERVED billing")
    if reserved is None:
        reserved = num_gpus - pool if billing_type == "RESERVED" else 0
    if reserved < 0 or reserved + pool > num_gpus:
        raise body.bad("num_reserved_gpus", "and num_capacity_pool_gpus together must not exceed num_gpus")
    return reserved, pool


def _oidc(body: Body | None) -> dict[str, Any] | None:
    if body is None:
        return None
    required = ("issuer_url", "client_id", "username_claim", "username_prefix", "group_claim", "group_prefix")
    config = {name: body.text(name) for name in required}
    for name, value in config.items():
        if value is None:
            raise body.bad(name, "is required")
    ca_cert = body.text("ca_cert")
    return {**config, **({} if ca_cert is None else {"ca_cert": ca_cert})}


def read_add_on(body: Body) -> AddOn:
    """A new add-on; without a config, its own part enables it."""
    kind = body.one_of("add_on_type", ADD_ON_TYPES) or body.need_text("add_on_type")
    return AddOn(
        name=body.need_text("name"), add_on_type=kind, config=read_add_on_config(body) or {kind: {"enabled": True}}
    )


def read_add_on_config(body: Body) -> dict[str, Any]:
    """The config of an add-on, empty if there is none."""
    config = body.child("config")
    if config is None:
        return {}
    parts = {kind: config.child(kind) for kind in ADD_ON_TYPES}
    return {kind: {"enabled": bool(part.flag("enabled"))} for kind, part in parts.items() if part is not None}


def _acceptance_tests(body: Body | None) -> dict[str, Any]:
    if body is None:
        return {}
    flags = (
        "enabled",
        "dcgm_diag_skipped",
        "gpu_burn_skipped",
        "nccl_single_node_skipped",
        "nccl_multi_node_skipped",
        "storage_skipped",
    )
    params: dict[str, Any] = {name: body.flag(name) for name in flags}
    params["dcgm_diag_level"] = body.one_of("dcgm_diag_level", DIAG_LEVELS)
    params["gpu_burn_duration"] = body.integer("gpu_burn_duration")
    if (params["gpu_burn_duration"] or 0) < 0:
        raise body.bad("gpu_burn_duration", "must not be negative")
    return {name: value for name, value in params.items() if value is not None}
