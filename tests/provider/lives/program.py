"""Random programs: which clusters they declare, with which inputs, and what one takes from the outputs of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import strategies as st
from pulumi.output import Unknown

from tests.provider.lives.facts import SHADEFORM, TOGETHER, Inputs, Kind

FIXED = {"gpu_type": "H100_SXM", "cuda_version": "12.6", "nvidia_driver_version": "560"}
PLACES = (("denvr", "houston-usa-1"), ("hyperstack", "canada-1"))
SYSTEMS = ("ubuntu22.04_cuda12.4_shade_os", "ubuntu20.04")
"""The first is what the simulated Shadeform takes where none is written."""
PROJECT = "proj-simulated"


@dataclass(frozen=True)
class Slot:
    """A place in the program for one cluster."""

    name: str
    kind: Kind
    account: int
    source: str | None = None
    """The cluster whose outputs it may take inputs from."""
    volume_stays: bool = False
    """Whether its volume outlives it."""


SLOTS = (
    Slot("a", TOGETHER, 0),
    Slot("b", TOGETHER, 0, source="a", volume_stays=True),
    Slot("c", TOGETHER, 1, source="a"),
    Slot("d", SHADEFORM, 0),
    Slot("e", SHADEFORM, 1, source="d"),
)
"""In the order in which they are created."""


@dataclass(frozen=True)
class Taken:
    """A value that comes from another cluster's outputs."""

    source: str
    path: tuple[str, ...]

    def value(self, outputs: Inputs) -> Any:
        """Return the value in the outputs; raises LookupError or TypeError where they have none."""
        found: Any = outputs
        for part in self.path:
            found = found[part]
        if found is None:
            raise LookupError(self.path)
        return found


@dataclass(frozen=True)
class Resolved:
    """Inputs as a run has them."""

    inputs: Inputs
    unknown: frozenset[str]
    """The inputs that are not known, wholly or in part."""


def resolve(inputs: Inputs, outputs: dict[str, Inputs | None]) -> Resolved:
    """Return inputs with what they take from outputs; those of a cluster that has yet to change are None."""

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: resolved(inner) for key, inner in cast(Inputs, value).items()}
        if not isinstance(value, Taken):
            return value
        shown = outputs[value.source]
        return Unknown() if shown is None else value.value(shown)

    values = {name: resolved(value) for name, value in inputs.items()}
    return Resolved(values, frozenset(name for name, value in values.items() if _holds_unknown(value)))


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_unknown, cast(Inputs, value).values()))
    return isinstance(value, Unknown)


def sources(inputs: Inputs | None) -> set[str]:
    """Return the clusters from which inputs take something."""
    return {value.source for value in (inputs or {}).values() if isinstance(value, Taken)}


# --- What a person writes -------------------------------------------------------------------------------------------


@st.composite
def programs(draw: st.DrawFn, slot: Slot, may_take: bool) -> Inputs:
    """Draw the inputs of a cluster; `may_take` says that the cluster it may take from is declared."""
    source = slot.source if may_take else None
    return draw(_together(slot, source) if slot.kind is TOGETHER else _shadeform(source))


@st.composite
def _together(draw: st.DrawFn, slot: Slot, source: str | None) -> Inputs:
    inputs: Inputs = {**FIXED, "region": draw(st.sampled_from(["us-central-8", "us-central-8", "us-west-1"]))}
    inputs["num_gpus"] = draw(st.sampled_from([8, 16, 24]))
    inputs["billing_type"] = draw(st.sampled_from(["ON_DEMAND", "ON_DEMAND", "RESERVED"]))
    if inputs["billing_type"] == "RESERVED":
        inputs["duration_days"] = draw(st.sampled_from([30, 30, 60]))
    if source is not None:
        takes = draw(st.sets(st.sampled_from(["num_gpus", "region"]), max_size=2))
        inputs |= {name: Taken(source, (name,)) for name in sorted(takes)}
        if draw(st.booleans()):
            inputs["project_id"] = Taken(source, ("project_id",)) if slot.account == 0 else PROJECT
    written = {
        "cluster_type": "KUBERNETES",
        "install_traefik": False,
        "auto_scale": False,
        "num_preemptible_gpus": 0,
        "project_id": PROJECT,
    }
    inputs |= {name: value for name, value in written.items() if name not in inputs and draw(st.booleans())}
    if draw(st.booleans()):
        inputs["cluster_config"] = {"load_balancer": draw(st.sampled_from(["NONE", "NGINX", "ISTIO"]))}
    size_tib = draw(st.sampled_from([None, 1, 2]))
    if size_tib is not None:
        stays = {"is_lifecycle_independent": True} if slot.volume_stays else {}
        inputs["shared_volume"] = {"volume_name": f"{slot.name}-data", "size_tib": size_tib, **stays}
        inputs["shared_volume"]["region"] = inputs["region"]
    confirmed = draw(st.sets(st.sampled_from(["confirm_data_loss", "confirm_forfeit"])))
    return inputs | dict.fromkeys(sorted(confirmed), True)


@st.composite
def _shadeform(draw: st.DrawFn, source: str | None) -> Inputs:
    cloud, region = draw(st.sampled_from(PLACES))
    inputs: Inputs = {"cloud": cloud, "region": region, "cluster_type": "H100_sxm5x8"}
    inputs["num_instances"] = draw(st.sampled_from([1, 1, 2]))
    if source is not None and draw(st.booleans()):
        inputs |= {"cloud": Taken(source, ("cloud",)), "region": Taken(source, ("region_info", "region"))}
    system = draw(st.sampled_from([None, *SYSTEMS]))
    return inputs if system is None else {**inputs, "os": system}


def edits(slot: Slot, inputs: Inputs, may_take: bool) -> list[Inputs]:
    """Return every program that one edit makes of these inputs, each of which says something else."""
    source = slot.source if may_take else None
    changes = _together_edits(slot, inputs, source) if slot.kind is TOGETHER else _shadeform_edits(source)
    found: list[Inputs] = []
    for change in changes:
        edited = {name: value for name, value in {**inputs, **change}.items() if value is not None}
        if edited.get("shared_volume") is not None:
            edited["shared_volume"] = {**edited["shared_volume"], "region": edited["region"]}
        if edited != inputs and edited not in found:
            found.append(edited)
    return found


def _together_edits(slot: Slot, inputs: Inputs, source: str | None) -> Iterator[Inputs]:
    yield from ({"num_gpus": num_gpus} for num_gpus in (8, 16, 24))
    yield from ({"region": region} for region in ("us-central-8", "us-west-1"))
    if inputs["billing_type"] == "RESERVED":
        yield {"billing_type": "ON_DEMAND", "duration_days": None}
        yield {"duration_days": 90 - inputs["duration_days"]}
    else:
        yield {"billing_type": "RESERVED", "duration_days": 30}
    for balancer in (None, "NONE", "NGINX", "ISTIO"):
        yield {"cluster_config": None if balancer is None else {"load_balancer": balancer}}
    stays = {"is_lifecycle_independent": True} if slot.volume_stays else {}
    yield {"shared_volume": None}
    for size_tib in (1, 2, 3):
        yield {"shared_volume": {"volume_name": f"{slot.name}-data", "size_tib": size_tib, **stays}}
    for name in ("confirm_data_loss", "confirm_forfeit"):
        yield {name: None if inputs.get(name) else True}
    if source is not None:
        yield from ({name: Taken(source, (name,))} for name in ("num_gpus", "region"))


def _shadeform_edits(source: str | None) -> Iterator[Inputs]:
    yield from ({"cloud": cloud, "region": region} for cloud, region in PLACES)
    yield from ({"num_instances": num_instances} for num_instances in (1, 2))
    yield from ({"os": system} for system in (None, *SYSTEMS))
    if source is not None:
        yield {"cloud": Taken(source, ("cloud",)), "region": Taken(source, ("region_info", "region"))}


def with_defaults_toggled(inputs: Inputs, kind: Kind, chosen: Inputs) -> Inputs:
    """Return inputs that say the same: each default that is written is left out, and each that is not is written."""
    same = {**kind.defaults, **chosen}
    left_out = {name: value for name, value in inputs.items() if name not in same or value != same[name]}
    return left_out | {name: value for name, value in same.items() if name not in inputs}
