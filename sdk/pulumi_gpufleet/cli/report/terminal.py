"""A report as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pulumi_gpufleet.cli.report import wording
from pulumi_gpufleet.cli.report.assessment import StackReport
from pulumi_gpufleet.policies.rules import Violation

_STYLES = {"create": "green", "update": "yellow", "replace": "magenta", "delete": "red"}
_GRAVE = ("failed", "refused", "data", "term", "capacity")


def show(
    console: Console, stacks: Sequence[StackReport], broken: Sequence[Sequence[Violation]], *, max_rows: int
) -> None:
    """Print several stacks, and the rules that each breaks."""
    for report, rules in zip(stacks, broken, strict=True):
        console.print(Text(f"{report.name}: {wording.headline(report)}", style="bold"))
        console.print(Text(wording.summary(report)))
        entries, risks = wording.grouped(rules), wording.grouped(report.risks)
        for each in entries[:max_rows]:
            _bullet(console, "red", "rule " + each.rule, each.name, each.message)
        _rest(console, len(entries), max_rows, "rules broken")
        for risk in risks[:max_rows]:
            _bullet(console, "red" if risk.kind in _GRAVE else "yellow", risk.title, risk.name, risk.message)
        _rest(console, len(risks), max_rows, "warnings")
        if report.rows:
            console.print(_costs(report))
        if report.gpus:
            console.print(_gpus(report, max_rows))
            _rest(console, len(report.gpus), max_rows, "kinds of GPUs")
        if report.changed:
            console.print(_changes(report, max_rows))
            _rest(console, len(report.changed), max_rows, "changes")
        for note in (wording.unknown(report), wording.scope(report)):
            if note:
                console.print(Text(note))
        console.print()


def _bullet(console: Console, style: str, title: str, name: str, message: str) -> None:
    console.print(Text.assemble("! ", (title, style), f" {name}: " if name else ": ", message))


def _rest(console: Console, count: int, shown: int, what: str) -> None:
    if count > shown:
        console.print(Text(f"… and {count - shown:,} more {what}"))


def _costs(report: StackReport) -> Table:
    table = _table("cost", ">before", ">after", ">difference")
    before, after, increase = report.hourly_before, report.hourly_after, report.increase
    table.add_row(
        "per hour",
        wording.with_unknown(before, report.unknown_before),
        wording.with_unknown(after, report.unknown_after),
        increase.text(signed=True),
    )
    table.add_row(
        "per month",
        wording.monthly(before).text(),
        wording.monthly(after).text(),
        wording.monthly(increase).text(signed=True),
    )
    if report.commitments.amounts:
        table.add_row("newly prepaid", "", report.commitments.text(), "")
    return table


def _gpus(report: StackReport, max_rows: int) -> Table:
    table = _table("GPU type", "cloud", "region", ">before", ">after")
    for each in report.gpus[:max_rows]:
        table.add_row(Text(each.gpu_type), each.cloud, Text(each.region), f"{each.before:,}", f"{each.after:,}")
    return table


def _changes(report: StackReport, max_rows: int) -> Table:
    table = _table("change", "resource", "what", ">GPUs", ">per hour before", ">per hour after")
    for row in report.changed[:max_rows]:
        table.add_row(
            Text(wording.OPERATIONS.get(row.operation, row.operation), style=_STYLES.get(row.operation, "")),
            Text(f"{row.name}\n{row.type}"),
            Text("; ".join(wording.details(row))),
            wording.gpus(row),
            wording.cost_before(row),
            wording.cost_after(row),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for each in columns:
        right = each.startswith(">")
        table.add_column(each.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    return table
