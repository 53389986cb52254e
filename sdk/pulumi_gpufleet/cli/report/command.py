"""`gpufleet report`: what a preview changes, what it risks, and what it costs."""

from __future__ import annotations

import datetime
import io
import json
import sys
from pathlib import Path

import click
from rich.console import Console

from pulumi_gpufleet.cli.report.data import data
from pulumi_gpufleet.cli.report.markdown import markdown
from pulumi_gpufleet.cli.report.page import page
from pulumi_gpufleet.cli.report.request import Answer, Request, report_options
from pulumi_gpufleet.cli.report.terminal import show

FORMATS = {".md": "markdown", ".html": "html", ".json": "json", ".txt": "table"}


@click.command()
@report_options
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(FORMATS.values())),
    default="table",
    show_default=True,
    help="Form of what is printed.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead, in the form of its ending: .md, .html, .json or .txt. Can be repeated.",
)
@click.pass_context
def command(ctx: click.Context, request: Request, form: str, outputs: tuple[Path, ...]) -> None:
    """Show what a preview changes, what it risks, and what it costs.

    FILE is what `preview --json` or `preview --event-log` of the Pulumi CLI or of pulumi-embedded has written; `-`, the
    default, is standard input. Several stacks make one report. Two files of the same stack are read together: the event
    log has what is unchanged, and the document what depends on what.

    Prices of Together come from the price book, those of Shadeform from its own replies. A price that neither has is
    unknown, and is never guessed.

    Rules for --fail-on: cost=N and increase=N (per hour), gpu-type=A,B, region=A,B, unprotected=GPUS, data-loss,
    forfeit, name=REGEX, term=DAYS. The exit code is 3 if one is broken, and 4 if there are rules and a preview failed.
    """
    for path in outputs:
        if path.suffix not in FORMATS:
            raise click.BadParameter(f"{path} ends in none of {', '.join(FORMATS)}", param_hint="--output")
    answer = request.answer()
    if not outputs:
        click.echo(_text(form, answer, request.max_rows, colored=sys.stdout.isatty()), nl=False)
    for path in outputs:
        path.write_text(_text(FORMATS[path.suffix], answer, request.max_rows, colored=False), encoding="utf-8")
    answer.end(ctx)


def _text(form: str, answer: Answer, max_rows: int, *, colored: bool) -> str:
    reports, violations = answer.reports, answer.violations
    if form == "markdown":
        return markdown(reports, violations, max_rows=max_rows)
    if form == "html":
        return page(reports, violations, datetime.datetime.now(datetime.timezone.utc))
    if form == "json":
        return json.dumps(data(reports, violations), indent=2) + "\n"
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=colored, width=None if colored else 120, highlight=False, emoji=False)
    show(console, reports, violations, max_rows=max_rows)
    return stream.getvalue()
