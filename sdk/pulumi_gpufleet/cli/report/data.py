"""A report as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pulumi_gpufleet.cli.report.assessment import StackReport
from pulumi_gpufleet.cli.report.capacity import Capacity
from pulumi_gpufleet.cli.report.prices import Cost
from pulumi_gpufleet.cli.report.rows import Row
from pulumi_gpufleet.policies.rules import Violation

VERSION = 1
"""Raised when a key changes its meaning or goes; new keys do not raise it."""


def data(stacks: Sequence[StackReport], broken: Sequence[Sequence[Violation]]) -> dict[str, Any]:
    """Return several stacks, and the rules that each breaks, as JSON values."""
    return {"version": VERSION, "stacks": [_stack(each, rules) for each, rules in zip(stacks, broken, strict=True)]}


def _stack(report: StackReport, broken: Sequence[Violation]) -> dict[str, Any]:
    return {
        "project": report.project,
        "stack": report.stack,
        "failed": report.failed,
        "counts": report.counts,
        "unlisted_unchanged": report.unlisted,
        "hourly_before": report.hourly_before.numbers(),
        "hourly_after": report.hourly_after.numbers(),
        "hourly_difference": report.increase.numbers(),
        "newly_prepaid": report.commitments.numbers(),
        "unknown_prices_before": report.unknown_before,
        "unknown_prices_after": report.unknown_after,
        "risks": [{"kind": each.kind, "resource": each.name or None, "message": each.message} for each in report.risks],
        "broken_rules": [
            {"rule": each.rule, "resource": each.name or None, "message": each.message} for each in broken
        ],
        "gpus": [vars(each) for each in report.gpus],
        "resources": [_row(row) for row in report.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "type": row.type,
        "operation": row.operation,
        "changes": [
            {
                "path": each.path,
                "before": each.before,
                "after": each.after,
                "forces_replacement": each.forces_replacement,
            }
            for each in row.changes
        ],
        "delete_first": row.delete_first if row.operation == "replace" else None,
        "goes_with": list(row.goes_with),
        "protect": row.protect,
        "before": _side(row.before, row.cost_before),
        "after": _side(row.after, row.cost_after),
    }


def _side(capacity: Capacity | None, cost: Cost) -> dict[str, Any] | None:
    if capacity is None:
        return None
    return {
        "cloud": capacity.cloud,
        "region": capacity.region,
        "gpu_type": capacity.gpu_type,
        "num_gpus": capacity.num_gpus,
        "storage_tib": capacity.storage_tib,
        "hourly": cost.hourly.numbers(),
        "prepaid": cost.commitment.numbers(),
        "unknown_prices": list(cost.unknown),
    }
