"""The rows of a deployment, one per resource, in the order of the program."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from pulumi_embedded import urn as urns
from pulumi_embedded.display.labels import PREFIXES, doing, done, planned, short_type
from pulumi_embedded.display.property_changes import reasons, step_changes
from pulumi_embedded.steps.events import Diagnostic, StepBegins, StepEnds, StepFails, Summary
from pulumi_embedded.steps.reading_steps import Refresh
from pulumi_embedded.steps.steps import DeleteForReplacement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.steps.steps import Step
    from pulumi_embedded.storage.snapshot import ResourceState

Place: TypeAlias = tuple[tuple[tuple[str, int], ...], tuple[tuple[int, str], ...]]

_POSITION: Final = re.compile(r"(.*)#(\d+)")
_DELETIONS: Final = frozenset({"delete", "delete-replaced", "discard", "discard-replaced"})
_UNKNOWN_PLACE: Final[tuple[tuple[str, int], ...]] = (("\uffff", 0),)


@dataclass(slots=True)
class Row:
    """What a deployment does with one resource."""

    urn: str
    op: str = "same"
    """The operation; all parts of a replacement are `replace`."""
    status: str = ""
    reasons: str = ""
    message: str = ""
    """The first line of the latest diagnostic."""
    message_is_ephemeral: bool = False
    counts: dict[str, int] = field(default_factory=lambda: {"error": 0, "warning": 0, "message": 0})
    started: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    """The duration; None while an operation is in progress."""
    failed: bool = False
    place: Place = (_UNKNOWN_PLACE, ())
    parts: set[str] = field(default_factory=set[str])
    """The operations in progress; a replacement has several."""

    @property
    def is_stack(self) -> bool:
        """Whether it is the row of the stack itself."""
        return urns.type_of(self.urn) == urns.ROOT_TYPE

    @property
    def ended(self) -> float | None:
        """When the last operation ended, on the monotonic clock; None while one is in progress."""
        return None if self.seconds is None else self.started + self.seconds

    @property
    def latest(self) -> str:
        """The latest message or, if that was ephemeral and the operation is over, the reasons."""
        expired = self.message_is_ephemeral and self.seconds is not None
        return self.reasons if expired or not self.message else self.message

    @property
    def summary(self) -> str:
        """The reasons, and the numbers of diagnostics: `[replaces: zone] 1 error; 2 messages`."""
        counted = [f"{count} {name}{'s' * (count != 1)}" for name, count in self.counts.items() if count]
        return " ".join(part for part in (self.reasons, "; ".join(counted)) if part)


class Rows:
    """Listens to one deployment and keeps a row for the stack, and for each resource that it does something with."""

    def __init__(self, project: str, stack: str, *, preview: bool) -> None:
        self._preview = preview
        self._root = Row(urns.make(stack, project, "", urns.ROOT_TYPE, f"{project}-{stack}"))
        self._rows: dict[str, Row] = {self._root.urn: self._root}

    @property
    def stack(self) -> Row:
        """The row of the stack itself."""
        return self._root

    def step(self, event: StepBegins | StepEnds | StepFails) -> Row | None:
        """Enter the event; returns its row, or None if the resource has none because nothing is done with it."""
        step = event.step
        if isinstance(event, StepBegins):
            return self._begin(step)
        row = self._rows.get(step.urn)
        if row is None:
            return None
        row.parts.discard(step.op)
        if isinstance(event, StepFails):
            row.failed, row.status = True, f"{doing(step.op)} failed"
        elif isinstance(step, Refresh) and step.result_op == "same":
            # The update after the refresh may show the resource again.
            if row.is_stack:
                row.op, row.status, row.reasons = "same", "", ""
            elif row.op == "refresh":
                del self._rows[row.urn]
        elif not row.failed:
            row.op = event.op if step.op == "refresh" else row.op
            row.reasons = reasons(step) if step.op == "refresh" else row.reasons
            row.status = self._label(row.op)
        if not row.parts:
            row.seconds = time.monotonic() - row.started
        return row

    def _begin(self, step: Step) -> Row | None:
        row, why = self._rows.get(step.urn), reasons(step)
        if step.op == "same":
            if row is None and why:
                # The resource is as it was, but a resource option like `protect` is not.
                row = self._rows[step.urn] = Row(step.urn, reasons=why, seconds=0.0, place=_place(step.resource))
            return row
        if row is None:
            row = self._rows[step.urn] = Row(step.urn)
        if row.seconds is not None and row.op != "replace":
            row.started = time.monotonic()
        if is_part_of_replacement(step) or row.op == "replace":
            row.op, row.reasons = "replace", why or row.reasons
        else:
            row.op, row.reasons = step.op, why
        row.place = _place(step.resource)
        row.status, row.seconds = planned(row.op) if self._preview else doing(step.op), None
        row.parts.add(step.op)
        return row

    def diagnose(self, event: Diagnostic) -> Row:
        """Enter a diagnostic; returns its row, which is the stack's if the resource has none."""
        row = self._rows.get(event.urn)
        if row is None and event.urn and event.severity in ("error", "warning"):
            # A resource that was refused before any step began.
            row = self._rows[event.urn] = Row(event.urn, seconds=0.0)
        row = row or self._root
        row.message = f"{event.prefix}{event.message.strip().splitlines()[0]}"
        row.message_is_ephemeral = event.ephemeral
        if not event.ephemeral:
            row.counts[event.severity if event.severity in row.counts else "message"] += 1
        refused = self._preview or (not row.parts and row.op == "same")
        if event.severity == "error" and refused and not row.is_stack:
            # Where a step has begun, its own failure follows, except in a preview.
            row.failed, row.status = True, "failed"
        return row

    def _label(self, op: str) -> str:
        return planned(op) if self._preview else done(op)

    def finish(self, summary: Summary) -> None:
        """Enter the end of the deployment."""
        for row in self._rows.values():
            if row.parts and not row.failed:
                # A component has no end of its own; another resource was still in progress.
                over = summary.result == "succeeded" or self._preview
                row.status = self._label(row.op) if over else "interrupted"
            if row.seconds is None:
                row.seconds = time.monotonic() - row.started
        if summary.result != "succeeded":
            self._root.failed = True
            begun = summary.result == "failed" and not self._preview and self._root.op != "same"
            self._root.status = f"{doing(self._root.op)} failed" if begun else summary.result

    def in_order(self) -> list[Row]:
        """The stack, what the program declares in its order, and what is deleted."""
        return sorted(
            self._rows.values(),
            key=lambda row: (not row.is_stack, row.op in _DELETIONS, row.place, row.urn),
        )


def is_part_of_replacement(step: Step) -> bool:
    """Whether the step is one of those that replace a resource, from the first to the last but its deletion."""
    return step.op == "replace" or step.op.endswith("-replacement") or isinstance(step, DeleteForReplacement)


def is_detailed(event: StepBegins | StepEnds | StepFails) -> bool:
    """Whether the event's step is one whose property changes say what is done with its resource."""
    if isinstance(event.step, Refresh):
        return isinstance(event, StepEnds) and event.step.result_op != "same"
    return isinstance(event, StepBegins) and event.step.op not in ("same", "delete-replaced")


def headline(row: Row) -> str:
    """The row as a line: ` +- lab:index:Thing moved replace [replaces: zone]`."""
    status = f"**{row.status}**" if row.failed else row.status
    parts = [f" {PREFIXES[row.op]} {short_type(row.urn)} {urns.name_of(row.urn)}", status, row.summary]
    return " ".join(part for part in parts if part)


def details(rows: Rows, steps: Mapping[str, Step]) -> list[str]:
    """The changes of every property, by resource, in the order of the rows."""
    lines: list[str] = []
    for row in rows.in_order():
        if row.urn in steps:
            lines += [headline(row), *changes_of(steps[row.urn])]
    return lines


def changes_of(step: Step) -> list[str]:
    """The changes of every property, a line each."""
    return [f"      {change.text()}" for change in step_changes(step)]


def _place(state: ResourceState) -> Place:
    """Where the program declares the resource: the lines of the call, outermost first.

    A parent comes before its children, which are declared further in. The same line, as in a loop, declares by name:
    the order in which registrations arrive differs from run to run.
    """
    trace = list(reversed(state.stack_trace)) or [state.source_position]
    positions = (_POSITION.match(position) for position in trace)
    lines = tuple((match[1], int(match[2])) if match else ("", 0) for match in positions)
    return lines, _natural(urns.name_of(state.urn))


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts `t2` before `t10`."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))
