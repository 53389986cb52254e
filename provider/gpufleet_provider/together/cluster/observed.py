"""The inputs of a Together cluster as a reply shows them, in the program's own words where they are known.

Not shown by any reply, and so never here: `nvidia_version_id` (the id that replies have is described as internal),
`auto_scale`, `auto_scale_max_gpus`, `slurm_image`, `acceptance_tests_params`, and of an inline volume all but the size.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from gpufleet_provider.model.fields import Properties

if TYPE_CHECKING:
    from gpufleet_provider.together.cluster.bodies import ClusterInfo
    from gpufleet_provider.together.cluster.outputs import AddOnInfo, ClusterVolume

_SAME_NAME = (
    "cluster_name",
    "region",
    "gpu_type",
    "num_gpus",
    "billing_type",
    "cluster_type",
    "cuda_version",
    "nvidia_driver_version",
    "reservation_start_time",
    "reservation_end_time",
    "num_reserved_gpus",
    "capacity_pool_id",
    "num_capacity_pool_gpus",
    "slurm_shm_size_gib",
    "install_traefik",
    "project_id",
)


def observed(info: ClusterInfo, declared: Properties) -> Properties:
    """Return the inputs that a reply shows; an empty value stands for a field that is unset, so it is no input."""
    shown: Properties = {name: getattr(info, name) for name in _SAME_NAME}
    shown["num_preemptible_gpus"] = info.desired_preemptible_gpus
    shown = {name: value for name, value in shown.items() if value or (value is not None and name in declared)}
    for name in ("cuda_version", "nvidia_driver_version"):
        if name in shown and _same_version(declared.get(name), shown[name]):
            shown[name] = declared[name]
    if "num_gpus" in shown and _is_scaled(shown["num_gpus"], declared):
        del shown["num_gpus"]
    if not declared:
        shown |= _for_import(info, shown)
    shown |= _volume(info.volumes or [], declared)
    for name in ("oidc_config", "cluster_config"):
        if (value := getattr(info, name)) is not None:
            dumped = value.model_dump(mode="json", exclude_none=True, warnings=False)
            shown[name] = _in_words_of(declared.get(name), _filled(dumped))
    if info.add_ons is not None:  # pyright: ignore[reportUnnecessaryComparison]
        shown["add_ons"] = _add_ons(info.add_ons, declared.get("add_ons")) or declared.get("add_ons")
    return {name: value for name, value in shown.items() if value not in (None, "")}


def _for_import(info: ClusterInfo, shown: Properties) -> Properties:
    """Say what only a program that does not exist yet needs; corrections would undo what it says."""
    changed: Properties = {}
    if info.billing_type == "ON_DEMAND":
        changed |= {"reservation_start_time": None, "reservation_end_time": None, "num_reserved_gpus": None}
    elif info.billing_type == "RESERVED" and "reservation_end_time" not in shown and info.duration_hours:
        days, rest = divmod(info.duration_hours, 24)
        # An extension lengthens it as well, so it is no witness of the days that a program declared.
        changed |= {"duration_days": days} if not rest and 1 <= days <= 90 else {}
    return changed


def _is_scaled(num_gpus: int, declared: Properties) -> bool:
    """Whether a number of GPUs is the auto-scaler's doing."""
    most = declared.get("auto_scale_max_gpus")
    return bool(declared.get("auto_scale")) and most is not None and declared["num_gpus"] <= num_gpus <= most


def _same_version(declared: Any, shown: str) -> bool:
    """Whether two versions agree as far as both go: `12.6`, `12.6.3` and `12.6-ubuntu-22.04` do."""
    if not isinstance(declared, str):
        return False
    left, right = re.findall(r"\d+", declared), re.findall(r"\d+", shown)
    common = min(len(left), len(right))
    return common > 0 and left[:common] == right[:common]


def _volume(volumes: list[ClusterVolume], declared: Properties) -> Properties:
    inline: Properties | None = declared.get("shared_volume")
    if inline is not None:
        named = [volume for volume in volumes if volume.volume_name == inline.get("volume_name")]
        if len(named) != 1 or not named[0].size_tib:
            return {}
        return {"shared_volume": {**inline, "size_tib": named[0].size_tib}}
    ids = [volume.volume_id for volume in volumes if volume.volume_id]
    wanted = declared.get("volume_id")
    if wanted in ids:
        return {"volume_id": wanted}
    return {"volume_id": ids[0]} if len(ids) == 1 else {}


def _add_ons(listed: list[AddOnInfo], declared: list[Properties] | None) -> list[Properties]:
    """Return the declared add-ons as they stand; the others, which Together turned on by itself, only for an import."""
    if declared is None:
        return [
            {
                "name": add_on.name,
                "add_on_type": add_on.add_on_type,
                **({"config": config} if (config := _writable_config(add_on)) else {}),
            }
            for add_on in listed
            if add_on.name and add_on.add_on_type
        ]
    on = {add_on.name for add_on in listed}
    return [_with_switches(entry, entry.get("name") in on) for entry in declared]


def _writable_config(add_on: AddOnInfo) -> Properties:
    shown = add_on.config.model_dump(mode="json", exclude_none=True, warnings=False) if add_on.config else {}
    return {key: value for key, value in shown.items() if key != "torchpass"}


def _with_switches(entry: Properties, on: bool) -> Properties:
    """Return an entry with its switches as they stand: only add-ons that are on are listed."""
    config: dict[str, Properties] | None = entry.get("config")
    if not config:
        return entry
    return {**entry, "config": {k: {**v, "enabled": on} if "enabled" in v else v for k, v in config.items()}}


def _filled(value: Any) -> Any:
    """Leave out empty strings and what becomes empty without them."""
    if isinstance(value, dict):
        entries = {key: _filled(entry) for key, entry in cast(Properties, value).items()}
        return {key: entry for key, entry in entries.items() if entry not in ("", {})}
    return value


def _in_words_of(declared: Any, shown: Any) -> Any:
    """Return what is shown, with the declared text wherever the two differ in white space around them alone."""
    if isinstance(declared, dict) and isinstance(shown, dict):
        said = cast(Properties, declared)
        return {key: _in_words_of(said.get(key), value) for key, value in cast(Properties, shown).items()}
    if isinstance(declared, str) and isinstance(shown, str) and declared.strip() == shown.strip():
        return declared
    return shown
