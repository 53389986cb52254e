"""What a reviewer has to know before approving: data and terms that are lost, downtime, and what is unprotected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpufleet_provider.clouds import lifecycle_of
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Client
from gpufleet_provider.together.cluster.shared_volume import goes_with_cluster

from pulumi_gpufleet.cli.accounts.running import shown
from pulumi_gpufleet.cli.report.previews import Step
from pulumi_gpufleet.cli.report.rows import Row

TITLES = {
    "failed": "Preview failed",
    "refused": "Refused",
    "data": "Data lost",
    "term": "Prepaid term forfeited",
    "capacity": "Not in the catalogue",
    "downtime": "Downtime",
    "dependents": "Kubeconfig and other dependents",
    "unprotected": "Not protected",
    "price": "Price",
    "warning": "Warning",
}
"""The kinds of risk, the gravest first, and what each is called."""
_KINDS = list(TITLES)
_MOST_NAMES = 5
_TERM_FIELDS = ("num_reserved_gpus", "reservation_end_time")


@dataclass(frozen=True)
class Risk:
    """One thing to know, and the resource that it is about; an empty name stands for the whole stack."""

    kind: str
    name: str
    message: str

    @property
    def title(self) -> str:
        """What the kind is called."""
        return TITLES[self.kind]

    @property
    def rank(self) -> int:
        """The place of the kind: the lowest is the gravest."""
        return _KINDS.index(self.kind)


def risks_of(row: Row, big_gpus: int) -> list[Risk]:
    """Return what has to be known of one resource."""
    found: list[Risk] = []
    verb = "replacement" if row.operation == "replace" else "deletion"
    if row.lost_data is not None:
        found.append(Risk("data", row.name, f"the {verb} loses {row.lost_data}"))
    if row.lost_term is not None:
        found.append(Risk("term", row.name, f"the {verb} forfeits {row.lost_term}"))
    if row.operation == "replace" and row.before is not None and row.delete_first:
        gpus = f" with {row.before.num_gpus} GPUs" if row.before.num_gpus else ""
        found.append(
            Risk(
                "downtime",
                row.name,
                f"what runs{gpus} is deleted before its replacement, which may be sold out by then",
            )
        )
    if row.goes_with and row.before is not None:
        found.append(Risk("dependents", row.name, f"used by {named(row.goes_with)}, which change or go with it"))
    gpus = row.after.num_gpus if row.after is not None else None
    if gpus is not None and gpus >= big_gpus and not row.protect:
        found.append(Risk("unprotected", row.name, f"{gpus} GPUs without `protect`"))
    terms = [change.path for change in row.changes if change.path in _TERM_FIELDS]
    if row.operation == "update" and terms:
        found.append(Risk("price", row.name, f"{named(tuple(terms))} changes: what that prepays is not counted"))
    notes = dict.fromkeys((*row.cost_before.notes, *row.cost_after.notes))
    return [*found, *(Risk("price", "", note) for note in notes)]


def named(names: tuple[str, ...]) -> str:
    """Return some names in one phrase, the first few of many."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def lost_data(token: str, step: Step) -> str | None:
    """Return what data goes with a resource that is replaced or deleted; None where none is known to go."""
    if step.operation not in ("replace", "delete") or step.old is None or step.old.retain_on_delete:
        return None
    if token.endswith(":Volume"):
        return "the volume and the data on it"
    volume = step.old.inputs.get("shared_volume")
    if goes_with_cluster(volume):
        name = volume.get("volume_name")
        return f"the volume {shown(name) if isinstance(name, str) else 'that was created with it'} and the data on it"
    return None


def lost_term(token: str, step: Step) -> str | None:
    """Return what is left of a prepaid term that a replacement or deletion forfeits; None if nothing."""
    if step.operation not in ("replace", "delete") or step.old is None or step.old.retain_on_delete:
        return None
    lifecycle = _lifecycle(token)
    return lifecycle.forfeits(step.old.inputs, step.old.outputs) if lifecycle is not None else None


def catalogue_of(token: str, client: Client) -> Any:
    """Return what a cloud offers now of a kind of resource; None where it has no catalogue. Raises CloudError."""
    lifecycle = _lifecycle(token)
    return lifecycle.catalogue(client) if lifecycle is not None and lifecycle.catalogue_fields else None


def catalogue_risks(token: str, name: str, inputs: Properties, catalogue: Any) -> list[Risk]:
    """Return what a catalogue does not have of what is to be created."""
    lifecycle = _lifecycle(token)
    if lifecycle is None or catalogue is None:
        return []
    return [Risk("capacity", name, shown(failure.reason)) for failure in lifecycle.catalogue_errors(catalogue, inputs)]


def _lifecycle(token: str) -> Any:
    """Return the lifecycle of a resource; None where this version has none by that name."""
    try:
        return lifecycle_of(token)
    except Refusal:
        return None
