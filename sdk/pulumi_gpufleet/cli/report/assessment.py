"""Turns a preview into a report: what changes, what it risks, how many GPUs there are and what they cost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gpufleet_provider.model.errors import redacted

from pulumi_gpufleet.cli.accounts.running import shown
from pulumi_gpufleet.cli.report.capacity import Capacity, capacity_of, token_of
from pulumi_gpufleet.cli.report.money import Money
from pulumi_gpufleet.cli.report.previews import Preview, Snapshot, Step
from pulumi_gpufleet.cli.report.prices import Cost, Prices
from pulumi_gpufleet.cli.report.risks import Risk, lost_data, lost_term, risks_of
from pulumi_gpufleet.cli.report.rows import Change, Row

_SHOWN_VALUES = frozenset(
    {
        "billing_type",
        "cloud",
        "cluster_type",
        "cuda_version",
        "duration_days",
        "gpu_type",
        "num_capacity_pool_gpus",
        "num_gpus",
        "num_instances",
        "num_preemptible_gpus",
        "num_reserved_gpus",
        "nvidia_driver_version",
        "os",
        "region",
        "reservation_end_time",
        "reservation_start_time",
        "shade_instance_type",
        "size_tib",
    }
)
"""The properties whose values a report shows; of every other only the path."""
_URN_PREFIX = re.compile(r"^\S+ resource '[^']*': ")
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class GpuCount:
    """GPUs of one type in one region."""

    cloud: str
    gpu_type: str
    region: str
    before: int
    after: int


@dataclass
class StackReport:
    """What an update of one stack would do."""

    project: str
    stack: str
    rows: list[Row]
    """What changes, replacements first; then what stays, if the preview lists it."""
    risks: list[Risk]
    gpus: list[GpuCount]
    hourly_before: Money
    hourly_after: Money
    commitments: Money
    """What is prepaid by what is created or replaced."""
    unknown_before: int
    """How many resources have a price that is not wholly known."""
    unknown_after: int
    unlisted: int
    failed: bool
    counts: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def name(self) -> str:
        """`<project>/<stack>`."""
        return f"{self.project}/{self.stack}"

    @property
    def changed(self) -> list[Row]:
        """The rows of what changes."""
        return [row for row in self.rows if row.operation != "same"]

    @property
    def increase(self) -> Money:
        """How much more the stack costs per hour, as far as that is known."""
        return self.hourly_after - self.hourly_before


_ORDER = ("replace", "delete", "create", "import", "update", "read", "same")


def assess(preview: Preview, prices: Prices, *, big_gpus: int, capacity_risks: Iterable[Risk] = ()) -> StackReport:
    """Return the report of a preview.

    :param big_gpus: a cluster with as many GPUs or more should be protected.
    :param capacity_risks: what the catalogues do not have, if they were asked.
    """
    followers = _followers(preview.steps)
    rows = [_row(step, prices, followers.get(step.urn, ())) for step in preview.steps]
    rows.sort(key=lambda row: (_ORDER.index(row.operation) if row.operation in _ORDER else len(_ORDER), row.name))
    risks = [*_diagnosed(preview), *(risk for row in rows for risk in risks_of(row, big_gpus)), *capacity_risks]
    costing_before = [row for row in rows if row.before is not None]
    costing_after = [row for row in rows if row.after is not None]
    return StackReport(
        project=shown(preview.project),
        stack=shown(preview.stack),
        rows=rows,
        risks=sorted(dict.fromkeys(risks), key=lambda risk: risk.rank),
        gpus=_gpus(rows),
        hourly_before=_total(row.cost_before.hourly for row in costing_before),
        hourly_after=_total(row.cost_after.hourly for row in costing_after),
        commitments=_total(row.cost_after.commitment for row in rows if row.operation in ("create", "replace")),
        unknown_before=sum(bool(row.cost_before.unknown) for row in costing_before),
        unknown_after=sum(bool(row.cost_after.unknown) for row in costing_after),
        unlisted=preview.unlisted,
        failed=preview.failed,
        counts=dict(Counter(row.operation for row in rows)),
    )


def _row(step: Step, prices: Prices, goes_with: tuple[str, ...]) -> Row:
    token = token_of(step.type)
    stays = step.operation not in ("create", "replace", "import")
    before = (
        capacity_of(token, step.old, outputs_hold=True) if token and step.old and step.operation != "read" else None
    )
    goes = step.operation in ("delete", "read")
    after = _after(token, step, stays) if token and not goes else None
    return Row(
        urn=step.urn,
        name=shown(step.name),
        type=shown(token or step.type),
        operation=step.operation,
        changes=tuple(_change(step, path) for path in dict.fromkeys((*step.forcing, *step.changed))),
        delete_first=step.delete_first,
        goes_with=goes_with,
        protect=step.new.protect if step.new is not None else step.old is not None and step.old.protect,
        before=before,
        after=after,
        cost_before=prices.cost(before) if before is not None else Cost(),
        cost_after=prices.cost(after, before) if after is not None else Cost(),
        lost_data=lost_data(token, step) if token else None,
        lost_term=lost_term(token, step) if token else None,
    )


def _after(token: str, step: Step, stays: bool) -> Capacity | None:
    if step.new is None:
        return None
    outputs = step.old.outputs if stays and step.old is not None and not step.changed else {}
    snapshot = Snapshot(
        id=step.new.id,
        inputs=step.new.inputs,
        outputs=outputs,
        protect=step.new.protect,
        retain_on_delete=step.new.retain_on_delete,
        depends_on=step.new.depends_on,
    )
    return capacity_of(token, snapshot, outputs_hold=True)


def _change(step: Step, path: str) -> Change:
    before, after = _value(step.old, path), _value(step.new, path)
    return Change(shown(path), before, after, path in step.forcing)


def _value(snapshot: Snapshot | None, path: str) -> str | None:
    value = snapshot.inputs.get(path) if snapshot is not None and path in _SHOWN_VALUES else None
    if not isinstance(value, (str, int, float)):
        return None
    text = shown(redacted(str(value)))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _followers(steps: list[Step]) -> dict[str, tuple[str, ...]]:
    """Return, by the URN of what is replaced or deleted, the names of what changes or goes with it, directly or not."""
    changing = {step.urn: step for step in steps if step.operation in ("replace", "delete", "update")}
    dependents: dict[str, list[str]] = {}
    for step in changing.values():
        for urn in {urn for each in (step.old, step.new) if each is not None for urn in each.depends_on}:
            if urn in changing and urn != step.urn:
                dependents.setdefault(urn, []).append(step.urn)
    found: dict[str, tuple[str, ...]] = {}
    for urn in dependents:
        if changing[urn].operation in ("replace", "delete") and token_of(changing[urn].type):
            found[urn] = tuple(sorted(shown(changing[each].name) for each in _reachable(urn, dependents)))
    return found


def _reachable(urn: str, dependents: dict[str, list[str]]) -> set[str]:
    seen: set[str] = {urn}
    stack = [urn]
    while stack:
        fresh = [each for each in dependents.get(stack.pop(), ()) if each not in seen]
        seen.update(fresh)
        stack += fresh
    return seen - {urn}


def _diagnosed(preview: Preview) -> list[Risk]:
    """Return the warnings and errors of the preview itself."""
    found: list[Risk] = []
    if preview.failed:
        found.append(Risk("failed", "", "the preview failed: more may change than is shown here"))
    for each in preview.diagnostics:
        message = shown(redacted(_URN_PREFIX.sub("", each.message)))
        kind = "refused" if each.severity == "error" else "warning"
        found.append(Risk(kind, shown(each.urn.split("::", 3)[-1]) if each.urn else "", message))
    return found


def _gpus(rows: list[Row]) -> list[GpuCount]:
    before: Counter[tuple[str, str, str]] = Counter()
    after: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        for counter, capacity in ((before, row.before), (after, row.after)):
            if capacity is not None and capacity.num_gpus:
                place = (capacity.cloud, capacity.gpu_type or "unknown", capacity.region or "unknown")
                counter[place] += capacity.num_gpus
    return [GpuCount(*key, before[key], after[key]) for key in sorted({*before, *after})]


def _total(amounts: Iterable[Money]) -> Money:
    total = Money()
    for each in amounts:
        total = total + each
    return total
