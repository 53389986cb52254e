"""An operation as its user sees it: a live table, plain lines or JSON, and the question in between.

`given` are the options of the command: `as_json`, `show_diff`, `show_secrets` and `suppress_outputs`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from pulumi_embedded.display.json_events import EventStream, PreviewDigest
from pulumi_embedded.display.options import DisplayOptions, Heading
from pulumi_embedded.display.plain import PlainDisplay
from pulumi_embedded.display.stdout import StandardOutput, json_text
from pulumi_embedded.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from pulumi_embedded.commands.operation import Operation
    from pulumi_embedded.deployment.target import Kind, Outcome
    from pulumi_embedded.display.live import LiveDisplay


def confirm(kind: Kind, details: list[str]) -> None:
    """Ask whether to proceed; `details` are printed for those who ask for them. Raises EngineError for a no."""
    name = kind.removeprefix("resource-")
    note = " (only the stack's state will change)" if kind == "refresh" else ""
    answers = ["yes", "no", *(["details"] if details else [])]
    while True:
        question = f"Do you want to perform this {name}{note}? [{'/'.join(answers)}]"
        answer = click.prompt(question, default="no", show_default=False).strip().lower()
        meant = [each for each in answers if each.startswith(answer or "no")]
        if meant == ["yes"]:
            return
        if meant == ["no"]:
            raise EngineError(f"confirmation declined, not proceeding with the {name}")
        click.echo("\n".join(details) if meant else f"Please answer {', '.join(answers[:-1])} or {answers[-1]}.")


def preview_shown(operation: Operation, given: Mapping[str, Any]) -> tuple[Outcome, list[str]]:
    """Preview the operation; returns also the lines that describe the changes in detail."""
    if given["as_json"]:
        digest = PreviewDigest()
        operation.listeners = [digest]
        outcome = operation.preview()
        click.echo(json_text(digest.document(), indent=4))
        return outcome, []
    with _display(operation, given, preview=True) as display:
        outcome = operation.preview()
    return outcome, display.details()


def execute_shown(operation: Operation, given: Mapping[str, Any]) -> Outcome:
    """Execute the operation."""
    if given["as_json"]:
        stream = EventStream(StandardOutput())
        operation.listeners = [stream]
        outcome = operation.execute()
        stream.close()
        return outcome
    with _display(operation, given, preview=False):
        return operation.execute()


@contextlib.contextmanager
def _display(operation: Operation, given: Mapping[str, Any], *, preview: bool) -> Generator[PlainDisplay | LiveDisplay]:
    """Show the operation as a live table in a terminal, and as plain lines elsewhere."""
    stack = operation.stack
    heading = Heading(operation.kind, stack.workspace.project.name, stack.name, preview)
    options = DisplayOptions(
        show_diff=given["show_diff"],
        show_secrets=given["show_secrets"],
        suppress_outputs=given.get("suppress_outputs", False),
    )
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        plain = PlainDisplay(StandardOutput(), heading, options)
        operation.listeners = [plain]
        yield plain
        return
    from pulumi_embedded.display.live import LiveDisplay

    display = LiveDisplay(heading, options)
    operation.listeners = [display]
    try:
        yield display
    finally:
        display.close()
