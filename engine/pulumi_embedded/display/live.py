"""A live table for a terminal: operations in progress first, then failed ones, then completed ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pulumi_embedded import urn as urns
from pulumi_embedded.display.diagnostics import DiagnosticsLog
from pulumi_embedded.display.labels import PREFIXES, duration_text, short_type, shorten, summary_lines
from pulumi_embedded.display.rows import Row, Rows, details, is_detailed
from pulumi_embedded.display.stack_outputs import StackOutputs
from pulumi_embedded.steps.events import Diagnostic, Event, StepBegins, StepEnds, StepFails, Summary

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pulumi_embedded.display.options import DisplayOptions, Heading
    from pulumi_embedded.steps.steps import Step

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
_GAPS: Final = 5
"""Columns between the columns."""
_LONGEST_NAME: Final = 32


class LiveDisplay:
    """Listens to one deployment and shows it as a table that is redrawn."""

    def __init__(self, heading: Heading, options: DisplayOptions, console: Console | None = None) -> None:
        self._console = console or Console()
        self._heading = heading
        self._options = options
        self._rows = Rows(heading.project, heading.stack, preview=heading.preview)
        self._log = DiagnosticsLog(self._rows.stack.urn)
        self._outputs = StackOutputs(options)
        self._steps: dict[str, Step] = {}
        """What `--diff` shows of each resource."""
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
            if event.severity != "debug" and event.message.strip():
                event = self._heading.worded(event)
                self._log.add(event)
                self._rows.diagnose(event)
        elif isinstance(event, Summary):
            self._finish(event)
        elif isinstance(event, StepBegins | StepEnds | StepFails):
            self._outputs.add(event)
            if not event.step.internal:
                self._step(event)

    def close(self) -> None:
        """Restore the terminal, also after a deployment that was aborted."""
        self._live.stop()

    def details(self) -> list[str]:
        """The changes of every property, by resource, in the program's order."""
        return details(self._rows, self._steps)

    def _step(self, event: StepBegins | StepEnds | StepFails) -> None:
        if self._rows.step(event) is not None and is_detailed(event):
            self._steps[event.step.urn] = event.step

    # --- the screen ---------------------------------------------------------------------------------------------------

    def _render(self) -> RenderableType:
        rows = [row for row in self._rows.in_order() if not row.is_stack]
        running = [row for row in rows if row.seconds is None]
        ended = sorted(
            (row for row in rows if row.seconds is not None), key=lambda row: (not row.failed, -(row.ended or 0))
        )
        visible = max(self._console.height - _FRAME_LINES, 3)
        elapsed = duration_text(time.monotonic() - self._started)
        counts = f"{len(running)} in progress, {len(ended)} done, {elapsed}"
        table = self._table([*running, *ended][:visible], final=False)
        parts: list[RenderableType] = [Text(self._heading.title, style="bold"), table]
        hidden = len(rows) - visible
        if hidden > 0:
            counts += f" ({hidden} more rows)"
        parts.append(Text(counts, style="dim"))
        if message := self._rows.stack.message:
            parts.append(Text(message, style="dim", overflow="ellipsis", no_wrap=True))
        return Group(*parts)

    def _table(self, rows: list[Row], *, final: bool) -> Table:
        types = [short_type(row.urn).removeprefix("pulumi-python:dynamic/") for row in rows]
        names = [urns.name_of(row.urn) for row in rows]
        infos = [row.summary if final else row.latest for row in rows]
        seconds = [time.monotonic() - row.started if row.seconds is None else row.seconds for row in rows]
        shows_time = not (final and self._heading.preview)
        times = [
            duration_text(each) if shows_time and row.op != "same" else ""
            for row, each in zip(rows, seconds, strict=True)
        ]
        status_width = max(8, *(len(row.status) for row in rows)) if rows else 8
        time_width = max(4, *map(len, times)) if shows_time and rows else 0
        rest = self._console.width - 2 - status_width - time_width - _GAPS
        info_width = min(max(map(len, infos), default=0), max(rest // 2, rest - 2 * _LONGEST_NAME))
        type_width, name_width = _share(
            rest - info_width, max(map(len, types), default=0), max(map(len, names), default=0)
        )
        table = Table(box=None, pad_edge=False)
        table.add_column("", width=2, no_wrap=True)
        table.add_column("Type", no_wrap=True, width=type_width)
        table.add_column("Name", no_wrap=True, width=name_width)
        table.add_column("Status", no_wrap=True, width=status_width)
        if shows_time:
            table.add_column("Time", no_wrap=True, width=time_width, justify="right")
        table.add_column("Info", no_wrap=not final, overflow="fold" if final else "ellipsis")
        for row, type_, name, info, taken in zip(rows, types, names, infos, times, strict=True):
            style = "bold red" if row.failed else _STYLES.get(row.op, "")
            table.add_row(
                Text(PREFIXES[row.op], style=style),
                Text(shorten(type_, type_width)),
                Text(shorten(name, name_width)),
                Text(row.status, style=style),
                *([Text(taken)] if shows_time else []),
                Text(info),
            )
        return table

    def _finish(self, summary: Summary) -> None:
        self._live.stop()
        self._rows.finish(summary)
        self._console.print(Text(self._heading.title + "\n", style="bold"))
        self._console.print(self._table(self._rows.in_order(), final=True))
        if self._options.show_diff and (changes := self.details()):
            self._print(["", "Changes:", *changes])
        self._print(self._log.lines())
        self._print(self._outputs.lines(preview=self._heading.preview))
        self._print(summary_lines(summary, self._log.errored))

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            style = "red" if line.lstrip().startswith("error:") else ""
            self._console.print(Text(line, style=style))


def _share(width: int, first: int, second: int) -> tuple[int, int]:
    """The widths of two columns that want `first` and `second` and have `width` together."""
    if first + second > width:
        half = width // 2
        first = min(first, max(half, width - second))
        second = min(second, width - first)
    return max(first, 4), max(second, 4)
