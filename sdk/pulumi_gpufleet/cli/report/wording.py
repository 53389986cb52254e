"""The words that every form of a report shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from pulumi_gpufleet.cli.report.assessment import StackReport
from pulumi_gpufleet.cli.report.money import HOURS_PER_MONTH, Money
from pulumi_gpufleet.cli.report.prices import Cost
from pulumi_gpufleet.cli.report.risks import Risk, named
from pulumi_gpufleet.cli.report.rows import Change, Row
from pulumi_gpufleet.policies.rules import Violation

OPERATIONS = {
    "create": "create",
    "update": "update",
    "replace": "replace",
    "delete": "delete",
    "import": "import",
    "read": "read",
    "same": "unchanged",
}
_DONE = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "import": "imported",
    "read": "read",
}
_MOST_CHANGES = 6
EntryT = TypeVar("EntryT", Risk, Violation)


def headline(report: StackReport) -> str:
    """Return the most important figure in one sentence."""
    if not report.changed:
        return "The preview failed" if report.failed else "Nothing changes"
    unpriced = sum(bool(row.cost_after.unknown or row.cost_before.unknown) for row in report.changed)
    without = f"; {unpriced} price{'s'[: unpriced != 1]} unknown" if unpriced else ""
    increase = report.increase
    if any(increase.amounts.values()):
        per_month = monthly(increase).text(signed=True)
        return f"{increase.text(signed=True)} per hour ({per_month} per {HOURS_PER_MONTH}-hour month){without}"
    known = any(row.cost_after.hourly.amounts or row.cost_before.hourly.amounts for row in report.changed)
    if unpriced and not known:
        return "The change of cost is unknown"
    return f"The cost per hour stays the same{without}"


def summary(report: StackReport) -> str:
    """Return how many resources are created, updated and so on."""
    counts = [f"{report.counts[kind]} {word}" for kind, word in _DONE.items() if report.counts.get(kind)]
    unchanged = report.counts.get("same", 0) + report.unlisted
    return ", ".join([*counts, *([f"{unchanged} unchanged"] if unchanged else [])]) or "no resources"


def scope(report: StackReport) -> str:
    """Return what the totals leave out; empty if nothing."""
    if not report.unlisted:
        return ""
    count = f"{report.unlisted} unchanged resource{'s'[: report.unlisted != 1]}"
    return f"Totals are without {count} that the preview does not list; an event log lists everything."


def unknown(report: StackReport) -> str:
    """Return how many prices are not known; empty if all are."""
    names = [row.name for row in report.rows if row.cost_after.unknown or row.cost_before.unknown]
    if not names:
        return ""
    parts = dict.fromkeys(part for row in report.rows for part in (*row.cost_after.unknown, *row.cost_before.unknown))
    count = f"{len(names)} resource{'s'[: len(names) != 1]}"
    return f"The price of {count} is unknown or only partly known ({named(tuple(parts))}); it is in no total."


def monthly(hourly: Money) -> Money:
    """Return the cost of a month of 730 hours."""
    return hourly * HOURS_PER_MONTH


def with_unknown(amount: Money, count: int) -> str:
    """Return an amount, and how many unknown prices it lacks."""
    if not count:
        return amount.text()
    return f"{amount.text()} + {count} unknown" if amount.amounts else f"{count} unknown"


def cost(cost: Cost) -> str:
    """Return what a resource costs per hour; a dash stands for nothing."""
    if cost.unknown:
        return f"{cost.hourly.text()} + unknown" if cost.hourly.amounts else "unknown"
    prepaid = f"{cost.commitment.text()} prepaid" if cost.commitment.amounts else ""
    return " + ".join(filter(None, (cost.hourly.text() if cost.hourly.amounts else "", prepaid))) or "-"


def cost_before(row: Row) -> str:
    """Return what a resource costs before the update; a dash where it is not there or not of a cloud."""
    return cost(row.cost_before) if row.before is not None else "-"


def cost_after(row: Row) -> str:
    """Return what a resource costs after the update; a dash where it is not there or not of a cloud."""
    return cost(row.cost_after) if row.after is not None else "-"


def gpus(row: Row) -> str:
    """Return the GPUs before and after, such as `16 → 32`; a question mark stands for an unknown number."""
    before = "" if row.before is None else "?" if row.before.num_gpus is None else str(row.before.num_gpus)
    after = "" if row.after is None else "?" if row.after.num_gpus is None else str(row.after.num_gpus)
    if row.before is not None and row.after is not None:
        before, after = before or "0", after or "0"
        return before if before == after else f"{before} → {after}"
    return f"{before} → 0" if before and row.operation == "delete" else after or before


def details(row: Row) -> list[str]:
    """Return what changes in a resource, and what goes with it, as phrases."""
    found: list[str] = []
    forcing = [change for change in row.changes if change.forces_replacement]
    others = [change for change in row.changes if not change.forces_replacement]
    if forcing:
        found.append("forced by " + _changes(forcing))
    if others:
        found.append(_changes(others))
    if row.operation == "replace":
        found.append("deleted first" if row.delete_first else "created first")
    if row.goes_with:
        found.append(f"with it: {named(row.goes_with)}")
    return found


def grouped(entries: Sequence[EntryT]) -> list[EntryT]:
    """Return risks or broken rules with one entry for all resources that the same is said of."""
    names: dict[EntryT, list[str]] = {}
    for each in entries:
        names.setdefault(replace(each, name=""), []).append(each.name)
    return [replace(each, name=named(tuple(filter(None, found)))) for each, found in names.items()]


def _changes(changes: list[Change]) -> str:
    text = ", ".join(_change(each) for each in changes[:_MOST_CHANGES])
    return text + (f" and {len(changes) - _MOST_CHANGES} more" if len(changes) > _MOST_CHANGES else "")


def _change(change: Change) -> str:
    if change.before is None and change.after is None:
        return change.path
    return f"{change.path} {change.before or '(none)'} → {change.after or '(none)'}"
