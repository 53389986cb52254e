"""Plain lines for a pipe or a log: one when a step begins and one when it ends, then diagnostics and totals."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from pulumi_embedded import urn as urns
from pulumi_embedded.display.diagnostics import DiagnosticsLog
from pulumi_embedded.display.labels import PREFIXES, doing, done, short_type, summary_lines
from pulumi_embedded.display.property_changes import keys_of, shown, step_changes
from pulumi_embedded.steps.events import Diagnostic, Event, StepBegins, StepEnds, StepFails, Summary

if TYPE_CHECKING:
    from pulumi_embedded.steps.steps import Step
    from pulumi_embedded.values import Properties

TITLES: Final = {
    ("update", True): "Previewing update",
    ("update", False): "Updating",
    ("refresh", True): "Previewing refresh",
    ("refresh", False): "Refreshing",
    ("resource-import", True): "Previewing import",
    ("resource-import", False): "Importing",
    ("destroy", True): "Previewing destroy",
    ("destroy", False): "Destroying",
}


class Writer(Protocol):
    """A text file, or standard output."""

    def write(self, text: str, /) -> object:
        """Write the text."""
        ...

    def flush(self) -> object:
        """Write what is buffered."""
        ...


class PlainDisplay:
    """Listens to one deployment and prints its events."""

    def __init__(self, out: Writer, kind: str, stack: str, *, preview: bool, show_diff: bool) -> None:
        self._out = out
        self._preview = preview
        self._show_diff = show_diff
        self._log = DiagnosticsLog()
        self._started: dict[str, float] = {}
        self._last_progress: dict[str, str] = {}
        self._line(f"{TITLES[kind, preview]} ({stack}):\n")

    def __call__(self, event: Event) -> None:
        """Print the event."""
        if isinstance(event, Diagnostic):
            self._diagnose(event)
        elif isinstance(event, Summary):
            for line in (*self._log.lines(), *summary_lines(event, self._log.errored)):
                self._line(line)
        elif isinstance(event, StepBegins | StepEnds | StepFails) and not event.step.internal:
            self._step(event)

    def _diagnose(self, event: Diagnostic) -> None:
        if event.severity == "debug" or not event.message.strip():
            return
        self._log.add(event)
        first = event.message.strip("\n").splitlines()[0]
        if event.ephemeral and self._last_progress.get(event.urn) == first:
            return
        self._last_progress[event.urn] = first
        where = f"{short_type(event.urn)} {urns.name_of(event.urn)} " if event.urn else ""
        self._line(f"    {where}{event.prefix}{first}")

    def _step(self, event: StepBegins | StepEnds | StepFails) -> None:
        step = event.step
        op = event.op if isinstance(event, StepEnds) else step.op
        if isinstance(event, StepBegins):
            self._started[step.urn] = time.monotonic()
        if op == "same" or (step.op == "refresh" and not isinstance(event, StepEnds)):
            return
        what = f"{PREFIXES.get(op, '  ')} {short_type(step.urn)} {urns.name_of(step.urn)}"
        if isinstance(event, StepFails):
            self._line(f" {what} **{doing(op)} failed**")
        elif isinstance(event, StepBegins):
            self._line(f" {what} {op if self._preview else doing(op)}{reasons(step)}")
            self._changes(step)
        elif step.op == "refresh":
            self._line(f" {what} {op if self._preview else done(op)}{reasons(step)}")
            self._changes(step)
        elif not self._preview:
            self._line(f" {what} {done(op)} ({time.monotonic() - self._started.get(step.urn, 0):.2f}s)")

    def _changes(self, step: Step) -> None:
        if self._show_diff:
            for change in step_changes(step):
                self._line(f"      {change.text()}")

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def reasons(step: Step) -> str:
    """The reason for a step: ` [replaces: zone]` or ` [diff: ~size]`."""
    if step.keys:
        return f" [replaces: {', '.join(step.keys)}]"
    if step.op in ("update", "refresh") and step.resource.custom and (keys := keys_of(step)):
        return f" [diff: {keys}]"
    return " [retain]" if step.op == "delete" and step.resource.retain_on_delete else ""


def output_lines(outputs: Properties) -> list[str]:
    """Lines that list the outputs of the stack; secrets are `[secret]`."""
    if not outputs:
        return []
    width = max(len(key) for key in outputs)
    return ["", "Outputs:", *(f"    {key:<{width}}: {shown(value, None)}" for key, value in outputs.items())]
