"""Rules across the inputs of a Together cluster; what concerns one input alone is in its type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpufleet_provider.model.fields import Failure, Properties, Rule, parse_instant, rule

# --- Driver ---------------------------------------------------------------------------------------------------------


@rule("nvidia_version_id", "cuda_version", "nvidia_driver_version")
def _one_driver_selector(id: str | None, cuda: str | None, driver: str | None) -> Iterator[Failure]:
    if id and (cuda or driver):
        yield Failure(
            "nvidia_version_id",
            "excludes cuda_version and nvidia_driver_version: choose the driver by its id, or by the pair",
        )
    elif not id and not cuda and not driver:
        yield Failure(
            "nvidia_version_id",
            "the driver is missing: set nvidia_version_id, or both cuda_version and nvidia_driver_version "
            "(together.get_regions() lists what each region has)",
        )
    elif not id and not cuda:
        yield Failure("cuda_version", "is required with nvidia_driver_version")
    elif not id and not driver:
        yield Failure("nvidia_driver_version", "is required with cuda_version")


# --- Numbers of GPUs ------------------------------------------------------------------------------------------------


@rule("num_gpus", "num_capacity_pool_gpus", "num_reserved_gpus")
def _parts_within_whole(gpus: int | None, pool: int | None, reserved: int | None) -> Iterator[Failure]:
    if gpus is None:
        return
    if (pool or 0) > gpus:
        yield Failure("num_capacity_pool_gpus", f"must not exceed num_gpus ({gpus}), got {pool}")
    elif (reserved or 0) > gpus:
        yield Failure("num_reserved_gpus", f"must not exceed num_gpus ({gpus}), got {reserved}")
    elif (pool or 0) + (reserved or 0) > gpus:
        yield Failure(
            "num_capacity_pool_gpus",
            f"with num_reserved_gpus it must not exceed num_gpus ({gpus}), got {pool} + {reserved}",
        )


@rule("num_capacity_pool_gpus", "capacity_pool_id")
def _pool_is_named(gpus: int | None, pool_id: str | None) -> Iterator[Failure]:
    if gpus and not pool_id:
        yield Failure("capacity_pool_id", "is required with num_capacity_pool_gpus")


@rule("num_reserved_gpus", "billing_type")
def _only_reserved_prepays(gpus: int | None, billing_type: str | None) -> Iterator[Failure]:
    if gpus and billing_type not in ("RESERVED", None):
        yield Failure("num_reserved_gpus", f"is for the billing type RESERVED only, got {billing_type}")


@rule("auto_scale", "auto_scale_max_gpus", "num_gpus")
def _auto_scale_has_a_limit(auto_scale: bool | None, most: int | None, gpus: int | None) -> Iterator[Failure]:
    if auto_scale and most is None:
        yield Failure("auto_scale_max_gpus", "is required with auto_scale")
    elif most is not None and not auto_scale:
        yield Failure("auto_scale_max_gpus", "has no effect without auto_scale")
    elif most is not None and gpus is not None and most < gpus:
        yield Failure("auto_scale_max_gpus", f"must be at least num_gpus ({gpus}), got {most}")


# --- Kubernetes and Slurm -------------------------------------------------------------------------------------------


def _only_for(wanted: str, name: str) -> Rule:
    """Refuse an input on clusters of the other type; KUBERNETES is what a cluster is that does not say."""

    def judge(value: Any, cluster_type: str | None) -> Iterator[Failure]:
        if value and (cluster_type or "KUBERNETES") != wanted:
            got = cluster_type or "KUBERNETES, the default"
            yield Failure(name, f"is for {wanted} clusters only, and cluster_type is {got}")

    return Rule((name, "cluster_type"), judge)


@rule("slurm_shm_size_gib", "cluster_type")
def _slurm_needs_shared_memory(size_gib: int | None, cluster_type: str | None) -> Iterator[Failure]:
    if cluster_type == "SLURM" and size_gib is None:
        yield Failure("slurm_shm_size_gib", "is required for SLURM clusters")


@rule("cluster_config.slurm_startup_scripts")
def _scripts_name_their_shell(scripts: Properties | None) -> Iterator[Failure]:
    for name, script in (scripts or {}).items():
        if name != "extra_slurm_conf" and script and not script.startswith("#!"):
            yield Failure(
                f"cluster_config.slurm_startup_scripts.{name}", "must begin with a shebang line such as #!/bin/bash"
            )


# --- Billing and time -----------------------------------------------------------------------------------------------


@rule("billing_type", "reservation_start_time", "reservation_end_time")
def _window_is_complete(billing_type: str | None, start: str | None, end: str | None) -> Iterator[Failure]:
    for name, value in (("reservation_start_time", start), ("reservation_end_time", end)):
        if billing_type == "SCHEDULED_CAPACITY" and value is None:
            yield Failure(name, "is required for the billing type SCHEDULED_CAPACITY")
        elif billing_type == "ON_DEMAND" and value is not None:
            yield Failure(name, "is for prepaid clusters only, and billing_type is ON_DEMAND")


@rule("reservation_start_time", "reservation_end_time")
def _window_ends_after_its_start(start: str | None, end: str | None) -> Iterator[Failure]:
    if start is not None and end is not None and parse_instant(end) <= parse_instant(start):
        yield Failure("reservation_end_time", f"must be after reservation_start_time ({start}), got {end}")


@rule("duration_days", "billing_type")
def _only_reserved_has_a_duration(days: int | None, billing_type: str | None) -> Iterator[Failure]:
    if days is not None and billing_type not in ("RESERVED", None):
        advice = "set reservation_end_time" if billing_type == "SCHEDULED_CAPACITY" else "it runs until it is deleted"
        yield Failure("duration_days", f"is for the billing type RESERVED only, and this is {billing_type}: {advice}")


@rule("billing_type", "duration_days", "reservation_end_time")
def _reserved_term_is_stated(billing_type: str | None, days: int | None, end: str | None) -> Iterator[Failure]:
    # Together's schema does not require it; a prepaid, unrefundable term of a length that nobody wrote is no default.
    if billing_type == "RESERVED" and days is None and end is None:
        yield Failure("duration_days", "say how long the prepaid term is: set duration_days, or reservation_end_time")


# --- Volumes and add-ons --------------------------------------------------------------------------------------------


@rule("shared_volume", "volume_id")
def _one_volume(shared_volume: Properties | None, volume_id: str | None) -> Iterator[Failure]:
    if shared_volume is not None and volume_id is not None:
        yield Failure("volume_id", "excludes shared_volume: attach an existing volume, or create one with the cluster")


@rule("shared_volume.region", "region")
def _volume_is_near(volume_region: str | None, region: str | None) -> Iterator[Failure]:
    if volume_region is not None and region is not None and volume_region != region:
        yield Failure("shared_volume.region", f"must be the cluster's own region ({region}), got {volume_region}")


@rule("add_ons")
def _add_on_names_are_unique(add_ons: list[Properties] | None) -> Iterator[Failure]:
    seen: set[str] = set()
    for index, add_on in enumerate(add_ons or []):
        if add_on["name"] in seen:
            yield Failure(f"add_ons[{index}].name", f"{add_on['name']!r} is declared twice")
        seen.add(add_on["name"])


RULES: tuple[Rule, ...] = (
    _one_driver_selector,
    _parts_within_whole,
    _pool_is_named,
    _only_reserved_prepays,
    _auto_scale_has_a_limit,
    _slurm_needs_shared_memory,
    _only_for("SLURM", "slurm_shm_size_gib"),
    _only_for("SLURM", "slurm_image"),
    _only_for("SLURM", "cluster_config.slurm_startup_scripts"),
    _only_for("KUBERNETES", "install_traefik"),
    _only_for("KUBERNETES", "num_preemptible_gpus"),
    _only_for("KUBERNETES", "auto_scale"),
    _scripts_name_their_shell,
    _window_is_complete,
    _window_ends_after_its_start,
    _only_reserved_has_a_duration,
    _reserved_term_is_stated,
    _one_volume,
    _volume_is_near,
    _add_on_names_are_unique,
)
