"""A report as one HTML page that needs nothing else: no script, style or font from elsewhere."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal

from jinja2 import Environment, PackageLoader, StrictUndefined

from pulumi_gpufleet.cli.report import wording
from pulumi_gpufleet.cli.report.assessment import StackReport
from pulumi_gpufleet.cli.report.money import HOURS_PER_MONTH, Money
from pulumi_gpufleet.cli.report.rows import Row
from pulumi_gpufleet.policies.rules import Violation


def page(stacks: Sequence[StackReport], broken: Sequence[Sequence[Violation]], now: datetime.datetime) -> str:
    """Return the page of several stacks, and of the rules that each breaks; `now` is when it was written."""
    environment = Environment(
        loader=PackageLoader("pulumi_gpufleet.cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html")
    return template.render(
        stacks=list(zip(stacks, broken, strict=True)),
        words=wording,
        sort_key=_sort_key,
        bars=_bars,
        hours=HOURS_PER_MONTH,
        written=now.strftime("%Y-%m-%d %H:%M UTC"),
    )


def _sort_key(row: Row, column: str) -> str:
    """Return the number that a column of the table is sorted by."""
    if column == "gpus":
        return str(row.after.num_gpus or 0 if row.after is not None else 0)
    return str((row.cost_after if column == "after" else row.cost_before).hourly.largest)


def _bars(report: StackReport) -> list[tuple[str, str, Money, str]]:
    """Return, for each currency, before and after: label, currency, amount, and width in percent."""
    found: list[tuple[str, str, Money, str]] = []
    for currency in sorted({**report.hourly_before.amounts, **report.hourly_after.amounts}):
        sides = (("before", report.hourly_before.in_(currency)), ("after", report.hourly_after.in_(currency)))
        most = max(amount for _, amount in sides)
        for label, amount in sides:
            width = amount / most * 100 if most else Decimal(0)
            found.append((label, currency, Money.of(amount, currency), f"{width:.1f}"))
    return found
