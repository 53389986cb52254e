"""The rules for a stack, without any policy engine: pure functions of what a stack holds.

A cost rule is broken as well where a price is unknown: what cannot be judged does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

Cost = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Rules(BaseModel):
    """The rules that a team sets; what is not set is not checked."""

    model_config = ConfigDict(extra="forbid")

    max_hourly_cost: Cost | None = None
    """Most that the stack may cost per hour after the update, in each currency."""
    max_hourly_increase: Cost | None = None
    """Most by which the update may raise the cost per hour, in each currency."""
    gpu_types: list[str] | None = None
    """GPU types (for Shadeform: types of machines) that may be used."""
    regions: list[str] | None = None
    """Regions that may be used; those of Shadeform with their cloud, as in `denvr houston-usa-1`."""
    protect_from_gpus: Annotated[int, Field(ge=1)] | None = None
    """A cluster with as many GPUs or more must be protected."""
    no_data_loss: bool = False
    """Whether a replacement or deletion that loses a volume's data is refused."""
    no_forfeit: bool = False
    """Whether a replacement or deletion that forfeits a prepaid term is refused."""
    name_pattern: str | None = None
    """Regular expression that every physical name must match as a whole."""
    max_term_days: Annotated[int, Field(ge=1)] | None = None
    """Longest prepaid term."""

    @field_validator("name_pattern")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value


@dataclass(frozen=True)
class Subject:
    """What the rules have to know of one resource after the update; None stands for what is not known yet."""

    name: str
    creates: bool
    """Whether the update creates or changes it; what stays as it is breaks no rule about where and what."""
    remains: bool = True
    """Whether it is there after the update."""
    has_gpus: bool = True
    """Whether it is of a kind that has GPUs."""
    gpu_type: str | None = None
    region: str | None = None
    num_gpus: int | None = None
    protect: bool = False
    physical_name: str | None = None
    term_days: float | None = None
    prepaid: bool = False
    lost_data: str | None = None
    lost_term: str | None = None


@dataclass(frozen=True)
class Totals:
    """What the stack costs per hour, as far as it is known, by currency."""

    hourly: dict[str, Decimal]
    increase: dict[str, Decimal]
    unpriced: tuple[str, ...] = ()
    """Names of what has a price that is not wholly known after the update."""
    unpriced_changes: tuple[str, ...] = ()
    """Names of what changes and has such a price."""
    complete: bool = True
    """Whether everything in the stack is counted."""


@dataclass(frozen=True)
class Violation:
    """A rule that is broken, and by what; an empty name stands for the whole stack."""

    rule: str
    name: str
    message: str


def violations(rules: Rules, subjects: Iterable[Subject], totals: Totals) -> list[Violation]:
    """Return which rules are broken, those about the stack first."""
    found = list(_of_cost(rules, totals))
    for subject in subjects:
        found += _of_resource(rules, subject)
    return found


def _of_cost(rules: Rules, totals: Totals) -> Iterator[Violation]:
    checks = (
        ("max_hourly_cost", rules.max_hourly_cost, totals.hourly, totals.unpriced, "the stack costs"),
        (
            "max_hourly_increase",
            rules.max_hourly_increase,
            totals.increase,
            totals.unpriced_changes,
            "the cost rises by",
        ),
    )
    for rule, limit, amounts, unpriced, words in checks:
        if limit is None:
            continue
        for currency, amount in sorted(amounts.items()):
            if amount > limit:
                yield Violation(rule, "", f"{words} {amount:.2f} {currency} per hour; {limit:.2f} is allowed")
        if unpriced:
            names = ", ".join(unpriced[:5]) + (f" and {len(unpriced) - 5} more" if len(unpriced) > 5 else "")
            yield Violation(rule, "", f"cannot be judged: the price of {names} is unknown")
        if rule == "max_hourly_cost" and not totals.complete:
            yield Violation(
                rule, "", "cannot be judged: the preview does not list what is unchanged; give the event log as well"
            )


def _of_resource(rules: Rules, subject: Subject) -> Iterator[Violation]:
    if rules.no_data_loss and subject.lost_data is not None:
        yield Violation("no_data_loss", subject.name, f"loses {subject.lost_data}")
    if rules.no_forfeit and subject.lost_term is not None:
        yield Violation("no_forfeit", subject.name, f"forfeits {subject.lost_term}")
    if not subject.remains:
        return
    least, gpus = rules.protect_from_gpus, subject.num_gpus
    if least is not None and subject.has_gpus and not subject.protect:
        if gpus is None:
            yield Violation("protect_from_gpus", subject.name, "cannot be judged: its number of GPUs is not known yet")
        elif gpus >= least:
            yield Violation("protect_from_gpus", subject.name, f"{gpus} GPUs without `protect`")
    if not subject.creates:
        return
    kind, place = ("gpu_types", rules.gpu_types, subject.gpu_type), ("regions", rules.regions, subject.region)
    for rule, allowed, value in (kind, place) if subject.has_gpus else ():
        if allowed is not None and value is None:
            what = "GPU type" if rule == "gpu_types" else "region"
            yield Violation(rule, subject.name, f"cannot be judged: its {what} is not known yet")
        elif allowed is not None and value not in allowed:
            yield Violation(rule, subject.name, f"{value} is not one of {', '.join(allowed)}")
    name = subject.physical_name
    if rules.name_pattern is not None and name is not None and not re.fullmatch(rules.name_pattern, name):
        yield Violation("name_pattern", subject.name, f"the name {name!r} does not match {rules.name_pattern}")
    if rules.max_term_days is not None and subject.prepaid:
        if subject.term_days is None:
            yield Violation(
                "max_term_days", subject.name, "cannot be judged: the length of its prepaid term is unknown"
            )
        elif subject.term_days > rules.max_term_days:
            days = f"{subject.term_days:g}"
            yield Violation(
                "max_term_days", subject.name, f"a prepaid term of {days} days; {rules.max_term_days} is allowed"
            )
