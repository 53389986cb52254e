"""A live table for a terminal: operations in progress first, then failed ones, then completed ones."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pulumi_embedded import urn as urns
from pulumi_embedded.display.diagnostics import DiagnosticsLog
from pulumi_embedded.display.labels import PREFIXES, doing, done, duration_text, short_type, summary_lines
from pulumi_embedded.display.plain import TITLES, reasons
from pulumi_embedded.display.property_changes import step_changes
from pulumi_embedded.steps.events import Diagnostic, Event, StepBegins, StepEnds, StepFails, Summary

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESHES_PER_SECOND: Final = 4
_STYLES: Final = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "replace": "magenta",
    "create-replacement": "bright_green",
    "delete-replaced": "bright_red",
    "read": "cyan",
    "refresh": "yellow",
    "import": "green",
}
_FRAME_LINES: Final = 7
"""Lines around the rows: title, header, counts and margins."""


@dataclass(slots=True)
class _Row:
    urn: str
    op: str
    status: str
    reasons: str = ""
    message: str = ""
    """The first line of the latest diagnostic."""
    message_is_ephemeral: bool = False
    started: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    """The duration; None while the operation is in progress."""
    failed: bool = False

    @property
    def info(self) -> str:
        """The last column: the latest message, or the reasons; an ephemeral message only while in progress."""
        expired = self.message_is_ephemeral and self.seconds is not None
        return self.reasons if expired or not self.message else self.message


class LiveDisplay:
    """Listens to one deployment and shows it as a table that is redrawn."""

    def __init__(
        self, kind: str, stack: str, *, preview: bool, show_diff: bool, console: Console | None = None
    ) -> None:
        self._console = console or Console()
        self._title = f"{TITLES[kind, preview]} ({stack})"
        self._preview = preview
        self._show_diff = show_diff
        self._log = DiagnosticsLog()
        self._rows: dict[str, _Row] = {}
        self._last_message = ""
        self._diffs: list[str] = []
        self._started = time.monotonic()
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
        )
        self._live.start()

    def __call__(self, event: Event) -> None:
        """Show the event."""
        if isinstance(event, Diagnostic):
            self._diagnose(event)
        elif isinstance(event, Summary):
            self._finish(event)
        elif isinstance(event, StepBegins | StepEnds | StepFails) and not event.step.internal:
            self._step(event)

    def close(self) -> None:
        """Restore the terminal, also after a deployment that was aborted."""
        self._live.stop()

    def _diagnose(self, event: Diagnostic) -> None:
        if event.severity == "debug" or not event.message.strip():
            return
        self._log.add(event)
        first = f"{event.prefix}{event.message.strip().splitlines()[0]}"
        row = self._rows.get(event.urn)
        if row is not None:
            row.message, row.message_is_ephemeral = first, event.ephemeral
        else:
            self._last_message = first

    def _step(self, event: StepBegins | StepEnds | StepFails) -> None:
        step = event.step
        if isinstance(event, StepBegins):
            if step.op == "same":
                return
            status = step.op if self._preview else doing(step.op)
            self._rows[step.urn] = _Row(step.urn, step.op, status, reasons(step).strip())
            if self._show_diff and step.op != "refresh":
                self._note_diff(event)
            return
        row = self._rows.get(step.urn)
        if row is None:
            return
        row.seconds = time.monotonic() - row.started
        if isinstance(event, StepFails):
            row.failed, row.status = True, f"{doing(step.op)} failed"
        elif event.op == "same":
            del self._rows[step.urn]
        else:
            row.op = event.op
            row.status = event.op if self._preview else done(event.op)
            if self._show_diff and step.op == "refresh":
                self._note_diff(event)

    def _note_diff(self, event: StepBegins | StepEnds) -> None:
        lines = [f"      {change.text()}" for change in step_changes(event.step)]
        if lines:
            self._diffs += [f"  {short_type(event.step.urn)} {urns.name_of(event.step.urn)}", *lines]

    # --- the screen ---------------------------------------------------------------------------------------------------

    def _render(self) -> RenderableType:
        rows = list(self._rows.values())
        running = [row for row in rows if row.seconds is None]
        ended = sorted((row for row in rows if row.seconds is not None), key=lambda row: (not row.failed, -row.started))
        visible = max(self._console.height - _FRAME_LINES, 3)
        elapsed = duration_text(time.monotonic() - self._started)
        counts = f"{len(running)} in progress, {len(ended)} done, {elapsed}"
        parts: list[RenderableType] = [Text(self._title, style="bold"), self._table([*running, *ended][:visible])]
        hidden = len(rows) - visible
        if hidden > 0:
            counts += f" ({hidden} more rows)"
        parts.append(Text(counts, style="dim"))
        if self._last_message:
            parts.append(Text(self._last_message, style="dim", overflow="ellipsis", no_wrap=True))
        return Group(*parts)

    def _table(self, rows: list[_Row]) -> Table:
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("", width=2, no_wrap=True)
        table.add_column("Type", no_wrap=True, overflow="ellipsis", min_width=17, max_width=32)
        table.add_column("Name", no_wrap=True, overflow="ellipsis", min_width=8, max_width=32)
        table.add_column("Status", no_wrap=True, min_width=8)
        table.add_column("Time", no_wrap=True, min_width=4, justify="right")
        table.add_column("Info", no_wrap=True, overflow="ellipsis", ratio=1)
        for row in rows:
            style = "bold red" if row.failed else _STYLES.get(row.op, "")
            seconds = time.monotonic() - row.started if row.seconds is None else row.seconds
            table.add_row(
                Text(PREFIXES.get(row.op, ""), style=style),
                Text(short_type(row.urn).removeprefix("pulumi-python:dynamic/")),
                Text(urns.name_of(row.urn)),
                Text(row.status, style=style),
                Text(duration_text(seconds)),
                Text(row.info),
            )
        return table

    def _finish(self, summary: Summary) -> None:
        self._live.stop()
        self._console.print(Text(self._title + "\n", style="bold"))
        rows = list(self._rows.values())
        if rows:
            self._console.print(self._table(rows))
        if self._diffs:
            self._console.print(Text("\n".join(["", "Changes:", *self._diffs])))
        for line in (*self._log.lines(), *summary_lines(summary, self._log.errored)):
            style = "red" if line.lstrip().startswith("error:") else ""
            self._console.print(Text(line, style=style))
