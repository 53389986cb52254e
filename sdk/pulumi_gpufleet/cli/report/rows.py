"""One resource of a stack, as a report shows it."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi_gpufleet.cli.report.capacity import Capacity
from pulumi_gpufleet.cli.report.prices import Cost


@dataclass(frozen=True)
class Change:
    """A property that changes; its values only where they are harmless and known."""

    path: str
    before: str | None
    after: str | None
    forces_replacement: bool


@dataclass(frozen=True)
class Row:
    """One resource of a stack, before and after."""

    urn: str
    name: str
    type: str
    """`<cloud>:<Resource>`, or the type token of what is not of a cloud."""
    operation: str
    changes: tuple[Change, ...]
    delete_first: bool
    goes_with: tuple[str, ...]
    """What is deleted with it or replaced because of it, by name."""
    protect: bool
    before: Capacity | None
    after: Capacity | None
    cost_before: Cost
    cost_after: Cost
    lost_data: str | None
    lost_term: str | None
