"""Changes of a living Together cluster whose values decide what they do, and what the update call is sent for them.

The update call keeps what a body omits, so whatever the program takes out is sent as its opposite, or the change is
refused: no edit is lost.
"""

from __future__ import annotations

from typing import Any, cast

from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Effect
from gpufleet_provider.together.cluster.inputs import ADD_ON_TYPES
from gpufleet_provider.together.cluster.shared_volume import goes_with_cluster

_OF_THE_TERM = ("duration_days", "reservation_start_time", "reservation_end_time", "num_reserved_gpus")


def effect(name: str, old: Properties, new: Properties) -> Effect | None:
    """Judge a change of one input, given all of them; None where the marks on the input say it all.

    In a preview any value may be unknown, which is a value of another type: what cannot be judged yet is not.
    """
    before, after = old.get(name), new.get(name)
    if name == "cluster_type":
        return Effect(
            "replace", "Together states nowhere what becomes of workloads when a cluster changes its type in place"
        )
    if name in _OF_THE_TERM and old.get("billing_type") != new.get("billing_type"):
        return Effect("replace", f"{name} belongs to the billing type, which cannot change in place")
    if name == "shared_volume":
        return _shared_volume(before, after, new)
    if name == "volume_id" and after is not None and goes_with_cluster(old.get("shared_volume")):
        return None if new.get("confirm_data_loss") else Effect("refuse", _VOLUME_WOULD_GO)
    if name == "cluster_config" and isinstance(before, dict) and isinstance(after, dict):
        return _cluster_config(cast(Properties, before), cast(Properties, after))
    if name == "add_ons":
        return _add_ons(_by_name(before), _by_name(after))
    return None


def update_payload(changes: Properties, prior: Properties) -> Properties:
    """Return what the update must be sent: of add-ons only what differs, and what was taken out as its opposite."""
    sent = dict(changes)
    if "add_ons" in sent:
        sent["add_ons"] = _changed_add_ons(_by_name(prior.get("add_ons")), _by_name(sent["add_ons"]))
        if not sent["add_ons"]:
            del sent["add_ons"]
    if sent.get("cluster_config"):
        sent["cluster_config"] = _with_opposites(prior.get("cluster_config") or {}, sent["cluster_config"])
    return sent


# --- Shared volume --------------------------------------------------------------------------------------------------

_CANNOT_DETACH = "the volume was created with the cluster and cannot be detached"
_VOLUME_STAYS = (
    f"{_CANNOT_DETACH}: leave it in the program, or set confirm_data_loss=True to replace the cluster and delete the "
    "volume with its data"
)
_VOLUME_WOULD_GO = (
    "replacing the cluster would delete the volume that it was created with, and the data on it: leave shared_volume "
    "in the program, create another cluster beside this one and copy the data first, or set confirm_data_loss=True"
)


def _shared_volume(before: Any, after: Any, new: Properties) -> Effect | None:
    if before is None:
        return Effect("replace", "a volume can be attached only when a cluster is created")
    if after is None:
        if goes_with_cluster(before):
            if new.get("confirm_data_loss"):
                return Effect("replace", _CANNOT_DETACH)
            return Effect("refuse", _VOLUME_STAYS if new.get("volume_id") is None else _VOLUME_WOULD_GO)
        if new.get("volume_id") is not None:
            return Effect("replace", "a volume can be attached only when a cluster is created")
        return Effect("refuse", f"{_CANNOT_DETACH}: leave it in the program")
    if isinstance(before, dict) and isinstance(after, dict):
        return _changed_volume(cast(Properties, before), cast(Properties, after))
    return None


def _changed_volume(before: Properties, after: Properties) -> Effect | None:
    if (before.get("volume_name"), before.get("region")) != (after.get("volume_name"), after.get("region")):
        rest = "" if goes_with_cluster(before) else ", and the old volume stays, unused"
        return Effect("replace", f"another name or region is another, empty volume{rest}")
    old_tib, new_tib = before.get("size_tib"), after.get("size_tib")
    if isinstance(old_tib, int) and isinstance(new_tib, int) and new_tib < old_tib:
        return Effect(
            "refuse",
            f"a volume grows and never shrinks: keep {old_tib} TiB or more "
            "(Together's support can shrink it; then run a refresh)",
        )
    if goes_with_cluster(before) != goes_with_cluster(after):
        return Effect(
            "refuse", "whether a volume outlives its cluster is settled when it is created: restore the value"
        )
    for key in ("project_id", "instance_cluster_id"):
        if before.get(key) != after.get(key):
            return Effect(
                "refuse",
                f"{key} is settled when the volume is created, and another volume would have none of its data",
            )
    return None


# --- Cluster configuration ------------------------------------------------------------------------------------------


def _cluster_config(before: Properties, after: Properties) -> Effect | None:
    for key in ("gpu_operator_version", "network_operator_version"):
        if key in before and key not in after:
            return Effect(
                "refuse", f"Together keeps the {key} that it has: leave it in, or set the version that you want"
            )
    return None


def _with_opposites(before: Properties, after: Properties) -> Properties:
    """Add what was taken out as its opposite, off or empty: whether the call merges or replaces is stated nowhere."""
    result = dict(after)
    for key, value in before.items():
        if isinstance(value, dict):
            kept = _with_opposites(cast(Properties, value), cast(Properties, result.get(key) or {}))
            if kept:
                result[key] = kept
        elif key not in result:
            result[key] = False if isinstance(value, bool) else ""
    return result


# --- Add-ons --------------------------------------------------------------------------------------------------------


def _by_name(entries: Any) -> dict[str, Properties]:
    if not isinstance(entries, (list, tuple)):
        return {}
    known = [cast(Properties, entry) for entry in cast("list[Any]", entries) if isinstance(entry, dict)]
    return {str(entry.get("name")): entry for entry in known}


def _switches(entry: Properties | None) -> dict[str, bool]:
    """Return, by configuration key, whether an entry turns it on; absent is off."""
    config = (entry or {}).get("config")
    entries = cast("dict[str, Any]", config) if isinstance(config, dict) else {}
    return {k: bool(cast(Properties, v).get("enabled")) if isinstance(v, dict) else False for k, v in entries.items()}


def _changed_add_ons(before: dict[str, Properties], after: dict[str, Properties]) -> list[Properties]:
    sent: list[Properties] = []
    for name in {**before, **after}:
        was, now = _switches(before.get(name)), _switches(after.get(name))
        if name in before and name not in after and not was and before[name]["add_on_type"] in ADD_ON_TYPES:
            # Declared without a configuration: whether that turned it on is Together's choice, so it is turned off.
            was = {before[name]["add_on_type"]: True}
        config = {
            key: {"enabled": now.get(key, False)}
            for key in {**was, **now}
            if was.get(key, False) != now.get(key, False)
        }
        if config:
            sent.append({"name": name, "config": config})
    return sent


def _add_ons(before: dict[str, Properties], after: dict[str, Properties]) -> Effect | None:
    for name, entry in after.items():
        if name not in before:
            if any(_switches(entry).values()) or not entry.get("config"):
                return Effect(
                    "refuse",
                    f"Together adds no add-on to a living cluster, so {name!r} has to be declared when it is created. "
                    "One that the cluster has, turned off, comes back in two steps: declare it with `enabled` false, "
                    "then turn it on",
                )
        elif before[name].get("add_on_type") != entry.get("add_on_type"):
            return Effect(
                "refuse",
                f"the type of the add-on {name!r} cannot change: restore {before[name].get('add_on_type')!r}",
            )
    for name, entry in before.items():
        if name not in after and not _switches(entry) and entry.get("add_on_type") not in ADD_ON_TYPES:
            return Effect(
                "refuse",
                f"Together's update call has no switch for an add-on of the type {entry.get('add_on_type')!r}: "
                f"leave {name!r} in the program, or turn it off in the console and run a refresh",
            )
    return None
