"""What a resource of a cloud is in GPUs, machines and storage, read from its inputs and outputs."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from gpufleet_provider import CLOUDS
from gpufleet_provider.model.fields import Properties, parse_instant

from pulumi_gpufleet.cli.accounts.running import shown
from pulumi_gpufleet.cli.report.previews import Snapshot

_DYNAMIC = re.compile(r"pulumi-python:dynamic/([^:/]+:[^:/]+)")
PREPAID = ("RESERVED", "SCHEDULED_CAPACITY")
_TRAILING_COUNT = re.compile(r"x(\d+)$")


@dataclass(frozen=True)
class GpuShare:
    """Some GPUs of a cluster that are billed in the same way."""

    billing: str
    """A billing type of Together, or `PREEMPTIBLE` or `CAPACITY_POOL`."""
    num_gpus: int
    term_hours: float | None = None
    """Hours of a prepaid term; None if it is not known, or if there is no term."""


@dataclass(frozen=True)
class Capacity:
    """What one resource holds; None stands for what the preview does not say."""

    token: str
    """`<cloud>:<Resource>`."""
    cloud: str
    region: str | None = None
    gpu_type: str | None = None
    num_gpus: int | None = None
    num_machines: int | None = None
    shares: tuple[GpuShare, ...] = ()
    shares_unknown: bool = False
    """Whether it is not known how the GPUs are billed."""
    storage_tib: float | None = None
    storage_unknown: bool = False
    """Whether there is storage whose size is not known."""
    hourly_cents: int | None = None
    """What the cloud itself says that the resource costs per hour."""
    machine_cents: int | None = None
    """What the cloud itself says that each machine of it costs per hour."""
    physical_name: str | None = None
    term_days: float | None = None
    prepaid: bool = False
    """Whether a part of it is paid for a term, at once."""

    @property
    def has_gpus(self) -> bool:
        """Whether it is of a kind that has GPUs."""
        return self.token.endswith((":Cluster", ":Instance"))


def token_of(type_token: str) -> str | None:
    """Return the `<cloud>:<Resource>` of a type token; None for what is not of a cloud."""
    found = _DYNAMIC.fullmatch(type_token)
    if found is None or (found[1].partition(":")[0] not in CLOUDS and found[1] != "fleet:FailoverCluster"):
        return None
    return found[1]


def capacity_of(token: str, snapshot: Snapshot, *, outputs_hold: bool) -> Capacity:
    """Return what a resource is.

    :param outputs_hold: whether the outputs are those of this very resource, and not of one that is to be replaced.
    """
    read = _READERS.get(token, _other)
    return read(token, snapshot.inputs, snapshot.outputs if outputs_hold else {})


def _together_cluster(token: str, inputs: Properties, outputs: Properties) -> Capacity:
    gpus, preemptible = _count(inputs.get("num_gpus")), _count(inputs.get("num_preemptible_gpus", 0))
    term_hours = _term_hours(inputs, outputs)
    shares = _shares(inputs, gpus, preemptible, term_hours)
    volume = inputs.get("shared_volume")
    size = _number(cast(Properties, volume).get("size_tib")) if isinstance(volume, dict) else None
    return Capacity(
        token=token,
        cloud="together",
        region=_text(inputs.get("region")),
        gpu_type=_text(inputs.get("gpu_type")),
        num_gpus=gpus + preemptible if gpus is not None and preemptible is not None else None,
        shares=shares or (),
        shares_unknown=shares is None,
        storage_tib=size,
        storage_unknown="shared_volume" in inputs and size is None,
        physical_name=_text(inputs.get("cluster_name")),
        term_days=None if term_hours is None else term_hours / 24,
        prepaid=inputs.get("billing_type") in PREPAID,
    )


def _shares(
    inputs: Properties, gpus: int | None, preemptible: int | None, term_hours: float | None
) -> tuple[GpuShare, ...] | None:
    """Return the GPUs by how they are billed; None where any of that is unknown."""
    pool, billing = _count(inputs.get("num_capacity_pool_gpus", 0)), _text(inputs.get("billing_type"))
    if gpus is None or preemptible is None or pool is None or billing is None:
        return None
    others = [GpuShare("CAPACITY_POOL", pool), GpuShare("PREEMPTIBLE", preemptible)]
    if billing == "RESERVED":
        reserved = _count(inputs.get("num_reserved_gpus", gpus - pool))
        if reserved is None:
            return None
        others.append(GpuShare("ON_DEMAND", gpus - pool - reserved))
    else:
        reserved = gpus - pool
    return tuple(share for share in (GpuShare(billing, reserved, term_hours), *others) if share.num_gpus > 0)


def _term_hours(inputs: Properties, outputs: Properties) -> float | None:
    days = _count(inputs.get("duration_days"))
    begin = _instant(inputs.get("reservation_start_time") or outputs.get("reservation_start_time"))
    end = _instant(inputs.get("reservation_end_time"))
    if begin is not None and end is not None:
        return max((end - begin).total_seconds() / 3600, 0.0)
    return 24.0 * days if days is not None and end is None else None


def _together_volume(token: str, inputs: Properties, outputs: Properties) -> Capacity:
    size = _number(inputs.get("size_tib"))
    return Capacity(
        token=token,
        cloud="together",
        region=_text(inputs.get("region")),
        storage_tib=size,
        storage_unknown=size is None,
        physical_name=_text(inputs.get("volume_name")),
    )


def _shadeform_cluster(token: str, inputs: Properties, outputs: Properties) -> Capacity:
    machine_type = _text(inputs.get("cluster_type"))
    machines = _count(inputs.get("num_instances"))
    members = [cast(Properties, each) for each in _list(outputs.get("instances")) if isinstance(each, dict)]
    return Capacity(
        token=token,
        cloud="shadeform",
        region=_place(inputs),
        gpu_type=machine_type,
        num_gpus=_gpus_of(machine_type, members, machines),
        num_machines=machines,
        hourly_cents=_count(outputs.get("hourly_price")),
        machine_cents=_agreed_price(members),
        physical_name=_text(inputs.get("name")),
    )


def _shadeform_instance(token: str, inputs: Properties, outputs: Properties) -> Capacity:
    machine_type = _text(inputs.get("shade_instance_type"))
    return Capacity(
        token=token,
        cloud="shadeform",
        region=_place(inputs),
        gpu_type=machine_type,
        num_gpus=_gpus_of(machine_type, [outputs] if outputs else [], 1),
        num_machines=1,
        hourly_cents=_count(outputs.get("hourly_price")),
        machine_cents=_count(outputs.get("hourly_price")),
        physical_name=_text(inputs.get("name")),
    )


def _other(token: str, inputs: Properties, outputs: Properties) -> Capacity:
    return Capacity(token=token, cloud=token.partition(":")[0], region=_place(inputs))


_READERS: dict[str, Callable[[str, Properties, Properties], Capacity]] = {
    "together:Cluster": _together_cluster,
    "together:Volume": _together_volume,
    "shadeform:Cluster": _shadeform_cluster,
    "shadeform:Instance": _shadeform_instance,
}

FREE = frozenset({"shadeform:SshKey", "shadeform:Template"})
"""What costs nothing."""


# --- Values -----------------------------------------------------------------------------------------------------------


def _gpus_of(machine_type: str | None, members: list[Properties], machines: int | None) -> int | None:
    """Return the GPUs of some machines: as the machines show them, else by the number at the end of the type's name."""
    for member in members:
        configuration = member.get("configuration")
        if isinstance(configuration, dict):
            each = _count(cast(Properties, configuration).get("num_gpus"))
            if each is not None and machines is not None:
                return each * machines
    found = _TRAILING_COUNT.search(machine_type or "")
    if machines is None or machine_type is None:
        return None
    return int(found[1]) * machines if found is not None else machines


def _agreed_price(members: list[Properties]) -> int | None:
    prices = {_count(member.get("hourly_price")) for member in members}
    return prices.pop() if len(prices) == 1 else None


def _place(inputs: Properties) -> str | None:
    words = [word for word in (_text(inputs.get("cloud")), _text(inputs.get("region"))) if word]
    return " ".join(words) or None


def _text(value: Any) -> str | None:
    return shown(value) if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _instant(value: Any) -> datetime.datetime | None:
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None
