"""A report as Markdown for pull requests, cut at row boundaries where it has to be short."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pulumi_gpufleet.cli.report import wording
from pulumi_gpufleet.cli.report.assessment import StackReport
from pulumi_gpufleet.cli.report.money import HOURS_PER_MONTH
from pulumi_gpufleet.policies.rules import Violation

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$&])")
_REFERENCE = re.compile(r"([@#])(?=\w)")
_LINK = re.compile(r"(?<=[a-z])://|(?<=\bwww)\.", re.IGNORECASE)


def markdown(
    stacks: Sequence[StackReport],
    broken: Sequence[Sequence[Violation]],
    *,
    max_rows: int,
    max_characters: int | None = None,
) -> str:
    """Return the Markdown of several stacks.

    :param broken: the rules that each stack breaks.
    :param max_rows: rows of each table.
    :param max_characters: fewer rows are shown where the text would be longer; headlines are never cut.
    """

    def write(rows: int) -> str:
        return "\n".join(_stack(each, rules, rows) for each, rules in zip(stacks, broken, strict=True))

    text = write(max_rows)
    if max_characters is None or len(text) <= max_characters:
        return text
    longest = max(len(table) for each in stacks for table in (each.changed, each.risks, each.gpus))
    return write(_largest(lambda rows: len(write(rows)) <= max_characters, min(max_rows, longest)))


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no mention, no link, no number of an issue."""
    plain = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _LINK.sub(lambda found: found[0] + "\u200b", _REFERENCE.sub("\\1\u200b", plain))


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """Return the largest number of rows that fits, at least 0."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _stack(report: StackReport, broken: Sequence[Violation], max_rows: int) -> str:
    lines = [
        f"### {escaped(report.name)}: {escaped(wording.headline(report))}",
        "",
        escaped(wording.summary(report)),
        "",
    ]
    lines += _rules(broken, max_rows)
    lines += _risks(report, max_rows)
    if report.rows:
        lines += [*_costs(report), *_gpus(report, max_rows), *_changes(report, max_rows)]
    return "\n".join(lines)


def _rules(broken: Sequence[Violation], max_rows: int) -> list[str]:
    if not broken:
        return []
    entries = wording.grouped(broken)
    lines = [
        f"- **{escaped(each.rule)}** {f'`{_code(each.name)}` ' if each.name else ''}{escaped(each.message)}"
        for each in entries[:max_rows]
    ]
    return ["**Rules that this breaks**", "", *lines, *_rest(len(entries), max_rows, "- {} more"), ""]


def _risks(report: StackReport, max_rows: int) -> list[str]:
    if not report.risks:
        return []
    entries = wording.grouped(report.risks)
    lines = [
        f"- **{escaped(each.title)}:** {f'`{_code(each.name)}`: ' if each.name else ''}{escaped(each.message)}"
        for each in entries[:max_rows]
    ]
    return ["**Before you approve**", "", *lines, *_rest(len(entries), max_rows, "- {} more"), ""]


def _costs(report: StackReport) -> list[str]:
    before, after, increase = report.hourly_before, report.hourly_after, report.increase
    lines = [
        "| cost | before | after | difference |",
        "| --- | ---: | ---: | ---: |",
        _row(
            "per hour",
            wording.with_unknown(before, report.unknown_before),
            wording.with_unknown(after, report.unknown_after),
            increase.text(signed=True),
        ),
        _row(
            f"per {HOURS_PER_MONTH}-hour month",
            wording.monthly(before).text(),
            wording.monthly(after).text(),
            wording.monthly(increase).text(signed=True),
        ),
    ]
    if report.commitments.amounts:
        lines.append(_row("newly prepaid, once", "", report.commitments.text(), ""))
    notes = [escaped(note) for note in (wording.unknown(report), wording.scope(report)) if note]
    return [*lines, "", *(line for note in notes for line in (note, ""))]


def _gpus(report: StackReport, max_rows: int) -> list[str]:
    if not report.gpus:
        return []
    rows = [
        _row(
            each.gpu_type,
            each.cloud,
            each.region,
            f"{each.before:,}",
            f"{each.after:,}",
            _signed(each.after - each.before),
        )
        for each in report.gpus
    ]
    head = ["| GPU type | cloud | region | before | after | difference |", "| --- | --- | --- | ---: | ---: | ---: |"]
    return [*head, *rows[:max_rows], "", *_rest(len(rows), max_rows, "{} more kinds of GPUs are not shown.\n")]


def _changes(report: StackReport, max_rows: int) -> list[str]:
    changed = report.changed
    if not changed:
        return []
    rows = [
        _row(
            wording.OPERATIONS.get(row.operation, row.operation),
            row.name,
            row.type,
            "; ".join(wording.details(row)),
            wording.gpus(row),
            wording.cost_before(row),
            wording.cost_after(row),
        )
        for row in changed[:max_rows]
    ]
    head = [
        f"<details{' open' if len(changed) <= 20 else ''}><summary>{len(changed)} changes</summary>",
        "",
        "| change | resource | type | what | GPUs | per hour before | per hour after |",
        "| --- | --- | --- | --- | ---: | ---: | ---: |",
    ]
    return [*head, *rows, "", *_rest(len(changed), max_rows, "{} more changes are not shown.\n"), "</details>", ""]


def _row(*cells: str) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def _code(text: str) -> str:
    return text.replace("`", "'").replace("|", "¦")


def _rest(count: int, shown: int, text: str) -> list[str]:
    return [text.format(f"{count - shown:,}")] if count > shown else []


def _signed(number: int) -> str:
    return f"{number:+,}" if number else "0"
