"""Plain lines for a pipe or a log: one per step that begins and ends, diagnostics at the end, and a summary."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import IO, Final

from . import urn as urns
from .diagnostics import DiagnosticsLog
from .events import Diagnostic, Event, StepBegins, StepEnds, StepFails, Summary
from .words import PREFIXES, doing, done, short_type, summary_lines

_TITLES: Final = {
    ("update", True): "Previewing update",
    ("update", False): "Updating",
    ("refresh", True): "Previewing refresh",
    ("refresh", False): "Refreshing",
    ("destroy", True): "Previewing destroy",
    ("destroy", False): "Destroying",
}


class PlainDisplay:
    """Listens to one deployment and writes as it goes."""

    def __init__(self, out: IO[str], kind: str, stack: str, *, preview: bool) -> None:
        self._out = out
        self._log = DiagnosticsLog()
        self._started: defaultdict[str, float] = defaultdict(time.monotonic)
        self._preview = preview
        self._line(f"{_TITLES[kind, preview]} ({stack}):\n")

    def __call__(self, event: Event) -> None:
        """Tell of the event."""
        if isinstance(event, Diagnostic):
            self._diagnose(event)
        elif isinstance(event, Summary):
            self._summarize(event)
        elif isinstance(event, StepBegins | StepEnds | StepFails) and not event.step.internal:
            self._step(event)

    def _diagnose(self, event: Diagnostic) -> None:
        if event.severity == "debug" or not event.message.strip():
            return
        self._log.add(event)
        type_, name = (short_type(event.urn), urns.name_of(event.urn)) if event.urn else ("", "")
        first = event.message.strip("\n").splitlines()[0]
        where = f"{type_} {name} " if event.urn else ""
        self._line(f"    {where}{event.prefix}{first}")

    def _step(self, event: StepBegins | StepEnds | StepFails) -> None:
        step = event.step
        op = event.op if isinstance(event, StepEnds) else step.op
        if op == "same" or (self._preview and isinstance(event, StepEnds) and step.op != "refresh"):
            return
        what = f"{PREFIXES.get(op, '  ')} {short_type(step.urn)} {urns.name_of(step.urn)}"
        if isinstance(event, StepBegins):
            self._started[step.urn] = time.monotonic()
            self._line(f" {what} {op if self._preview else doing(op)}{_reasons(event)}")
        elif isinstance(event, StepFails):
            self._line(f" {what} **{doing(op)} failed**")
        else:
            seconds = time.monotonic() - self._started[step.urn]
            self._line(f" {what} {done(op)} ({seconds:.2f}s)")

    def _summarize(self, event: Summary) -> None:
        for line in (*self._log.lines(), *summary_lines(event)):
            self._line(line)

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def _reasons(event: StepBegins) -> str:
    keys = event.step.keys
    return f" [replaces: {', '.join(keys)}]" if keys else ""
