"""`--fail-on`: the rules of a team, from options and a JSON file, and what of a report breaks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pulumi_gpufleet.cli.report.assessment import StackReport
from pulumi_gpufleet.cli.report.rows import Row
from pulumi_gpufleet.policies.rules import Rules, Subject, Totals, Violation, violations

_OPTIONS = {
    "cost": "max_hourly_cost",
    "increase": "max_hourly_increase",
    "gpu-type": "gpu_types",
    "region": "regions",
    "unprotected": "protect_from_gpus",
    "data-loss": "no_data_loss",
    "forfeit": "no_forfeit",
    "name": "name_pattern",
    "term": "max_term_days",
}
"""What `--fail-on` calls a rule, and its name in JSON."""
_LISTS = ("gpu_types", "regions")
_SWITCHES = ("no_data_loss", "no_forfeit")


class UnusableRules(Exception):
    """Rules cannot be read; the message says which."""


def read_rules(options: tuple[str, ...], file: Path | None) -> Rules | None:
    """Return the rules of a JSON file and of `--fail-on` options, which win; None for none. Raises UnusableRules."""
    if file is None and not options:
        return None
    given: dict[str, Any] = {}
    try:
        if file is not None:
            given = Rules.model_validate_json(file.read_bytes()).model_dump(exclude_unset=True)
        for option in options:
            given |= _option(option, given)
        return Rules.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        message = f"{where}: {first['msg']}" if where else first["msg"]
        raise UnusableRules(f"{file}: {message}" if file is not None and not options else message) from None


def _option(option: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return what one `NAME` or `NAME=VALUE` sets."""
    name, equals, value = option.partition("=")
    rule = _OPTIONS.get(name)
    if rule is None:
        raise UnusableRules(f"--fail-on knows no {name!r}; it knows {', '.join(_OPTIONS)}")
    if rule in _SWITCHES:
        if equals:
            raise UnusableRules(f"--fail-on {name} takes no value")
        return {rule: True}
    if not value:
        raise UnusableRules(f"--fail-on {name} needs a value: {name}=…")
    if rule in _LISTS:
        return {rule: [*given.get(rule, []), *(each.strip() for each in value.split(","))]}
    return {rule: value}


def broken(rules: Rules, report: StackReport) -> list[Violation]:
    """Return which rules a stack would break."""
    rows = [row for row in report.rows if row.before is not None or row.after is not None]
    totals = Totals(
        hourly=dict(report.hourly_after.amounts),
        increase=dict(report.increase.amounts),
        unpriced=tuple(row.name for row in rows if row.cost_after.unknown),
        unpriced_changes=tuple(
            row.name for row in rows if row.operation != "same" and (row.cost_after.unknown or row.cost_before.unknown)
        ),
        complete=report.unlisted == 0,
    )
    return violations(rules, (_subject(row) for row in rows), totals)


def _subject(row: Row) -> Subject:
    capacity = row.after
    if capacity is None:
        return Subject(row.name, creates=False, remains=False, lost_data=row.lost_data, lost_term=row.lost_term)
    return Subject(
        name=row.name,
        creates=row.operation in ("create", "replace", "import", "update"),
        has_gpus=capacity.has_gpus,
        gpu_type=capacity.gpu_type,
        region=capacity.region,
        num_gpus=capacity.num_gpus,
        protect=row.protect,
        physical_name=capacity.physical_name,
        term_days=capacity.term_days,
        prepaid=capacity.prepaid,
        lost_data=row.lost_data,
        lost_term=row.lost_term,
    )
