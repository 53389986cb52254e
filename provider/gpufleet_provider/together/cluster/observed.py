"""The inputs of a Together cluster that replies show in another form, or whose value decides whether they show it."""

from __future__ import annotations

from gpufleet_provider.model.fields import Properties
from gpufleet_provider.together.cluster.bodies import ClusterInfo
from gpufleet_provider.together.cluster.outputs import ClusterVolume


def observed(info: ClusterInfo, shown: Properties, declared: Properties) -> Properties:
    """Return the inputs that a reply shows; `shown` are those that it has in the create body's own form.

    `declared` are the inputs of the program, empty where there is none.
    """
    inputs = dict(shown)
    if "num_gpus" in inputs and _is_scaled(inputs["num_gpus"], declared):
        del inputs["num_gpus"]
    if not declared:
        inputs |= _for_import(info, inputs)
    inputs |= _volume(info.volumes or [], declared)
    if info.add_ons is not None:
        inputs["add_ons"] = _add_ons(inputs.get("add_ons", []), declared.get("add_ons"))
    return {name: value for name, value in inputs.items() if value is not None}


def _for_import(info: ClusterInfo, shown: Properties) -> Properties:
    """Return what only a program that does not exist yet needs; corrections would undo it."""
    if info.billing_type == "ON_DEMAND":
        return {"reservation_start_time": None, "reservation_end_time": None, "num_reserved_gpus": None}
    if info.billing_type == "RESERVED" and "reservation_end_time" not in shown and info.duration_hours:
        days, rest = divmod(info.duration_hours, 24)
        # An extension lengthens it as well, so it is no witness of the days that a program declared.
        return {"duration_days": days} if not rest and 1 <= days <= 90 else {}
    return {}


def _is_scaled(num_gpus: int, declared: Properties) -> bool:
    """Return whether a number of GPUs is the auto-scaler's doing."""
    most = declared.get("auto_scale_max_gpus")
    return bool(declared.get("auto_scale")) and most is not None and declared["num_gpus"] <= num_gpus <= most


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


def _add_ons(listed: list[Properties], declared: list[Properties] | None) -> list[Properties] | None:
    """Return the declared add-ons as they stand; the others, which Together turned on by itself, only for an import."""
    if declared is None:
        return [add_on for add_on in listed if "name" in add_on and "add_on_type" in add_on] or None
    on = {add_on.get("name") for add_on in listed}
    return [_with_switches(entry, entry.get("name") in on) for entry in declared]


def _with_switches(entry: Properties, on: bool) -> Properties:
    """Return an add-on with its switches as they stand: only add-ons that are on are listed."""
    config: dict[str, Properties] | None = entry.get("config")
    if not config:
        return entry
    return {**entry, "config": {k: {**v, "enabled": on} if "enabled" in v else v for k, v in config.items()}}
