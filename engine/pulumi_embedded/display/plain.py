"""Plain lines for a pipe or a log: one when a step begins and one when it ends, then diagnostics and totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pulumi_embedded import urn as urns
from pulumi_embedded.display.diagnostics import DiagnosticsLog
from pulumi_embedded.display.labels import PREFIXES, doing, done, short_type, summary_lines
from pulumi_embedded.display.rows import Rows, changes_of, details, headline, is_detailed
from pulumi_embedded.display.stack_outputs import StackOutputs
from pulumi_embedded.steps.events import Diagnostic, Event, StepBegins, StepEnds, StepFails, Summary

if TYPE_CHECKING:
    from pulumi_embedded.display.options import DisplayOptions, Heading
    from pulumi_embedded.steps.steps import Step


class Writer(Protocol):
    """A text file, or standard output."""

    def write(self, text: str, /) -> object:
        """Write the text."""
        ...

    def flush(self) -> object:
        """Write what is buffered."""
        ...


class PlainDisplay:
    """Listens to one deployment and prints its events; the rows of a preview at the end, in the program's order."""

    def __init__(self, out: Writer, heading: Heading, options: DisplayOptions) -> None:
        self._out = out
        self._heading = heading
        self._options = options
        self._rows = Rows(heading.project, heading.stack, preview=heading.preview)
        self._log = DiagnosticsLog(self._rows.stack.urn)
        self._steps: dict[str, Step] = {}
        """What `--diff` shows of each resource."""
        self._outputs = StackOutputs(options)
        self._last_progress: dict[str, str] = {}
        self._line(f"{heading.title}:\n")

    def __call__(self, event: Event) -> None:
        """Print the event."""
        if isinstance(event, Diagnostic):
            self._diagnose(self._heading.worded(event))
        elif isinstance(event, Summary):
            self._finish(event)
        elif isinstance(event, StepBegins | StepEnds | StepFails):
            self._outputs.add(event)
            if not event.step.internal:
                self._step(event)

    def details(self) -> list[str]:
        """The changes of every property, by resource, in the program's order."""
        return details(self._rows, self._steps)

    def _diagnose(self, event: Diagnostic) -> None:
        if event.severity == "debug" or not event.message.strip():
            return
        self._log.add(event)
        self._rows.diagnose(event)
        first = event.message.strip("\n").splitlines()[0]
        if event.ephemeral and self._last_progress.get(event.urn) == first:
            return
        self._last_progress[event.urn] = first
        where = f"{short_type(event.urn)} {urns.name_of(event.urn)} " if event.urn else ""
        self._line(f"    {where}{event.prefix}{first}")

    def _step(self, event: StepBegins | StepEnds | StepFails) -> None:
        step = event.step
        row = self._rows.step(event)
        if row is None:
            return
        if is_detailed(event):
            self._steps[step.urn] = step
        if step.op == "same" and isinstance(event, StepBegins) and row.reasons and not self._heading.preview:
            self._line(headline(row))
        ends_stack = row.is_stack and not isinstance(event, StepBegins)
        if self._heading.preview or step.op in ("same", "replace") or ends_stack:
            # A replacement is told by its parts; how the stack ended stands at the end.
            return
        op = event.op if step.op == "refresh" and isinstance(event, StepEnds) else row.op
        if isinstance(event, StepFails):
            status = f"**{doing(step.op)} failed**"
        elif isinstance(event, StepBegins):
            status = f"{doing(step.op)} {row.reasons}"
        elif op == "same":
            status = ""
        else:
            taken = f" ({row.seconds:.2f}s)" if row.seconds is not None else ""
            status = f"{done(op if step.op == 'refresh' else step.op)}{taken} {row.reasons}"
        self._line(f" {PREFIXES[op]} {short_type(step.urn)} {urns.name_of(step.urn)} {status}".rstrip())
        if is_detailed(event):
            self._show_changes(step)

    def _show_changes(self, step: Step) -> None:
        if self._options.show_diff:
            for line in changes_of(step):
                self._line(line)

    def _finish(self, summary: Summary) -> None:
        self._rows.finish(summary)
        rows = self._rows.in_order()
        for row in rows if self._heading.preview else rows[:1]:
            self._line(headline(row))
            if self._heading.preview and row.urn in self._steps:
                self._show_changes(self._steps[row.urn])
        outputs = self._outputs.lines(preview=self._heading.preview)
        for line in (*self._log.lines(), *outputs, *summary_lines(summary, self._log.errored)):
            self._line(line)

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()
