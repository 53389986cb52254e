"""`gpufleet report`: what a preview changes, what it risks, and what it costs."""

from __future__ import annotations

import datetime
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from gpufleet_provider.model.errors import redacted
from rich.console import Console

from pulumi_gpufleet.cli.report.assessment import StackReport, assess
from pulumi_gpufleet.cli.report.data import data
from pulumi_gpufleet.cli.report.guards import UnusableRules, broken, read_rules
from pulumi_gpufleet.cli.report.markdown import markdown
from pulumi_gpufleet.cli.report.page import page
from pulumi_gpufleet.cli.report.previews import Preview, UnreadablePreview, merged, read
from pulumi_gpufleet.cli.report.prices import Prices, UnusableBook, read_book
from pulumi_gpufleet.cli.report.running import FailedRun, preview
from pulumi_gpufleet.cli.report.terminal import show
from pulumi_gpufleet.policies.rules import Violation

EXIT_BROKEN_RULE = 3
EXIT_FAILED_PREVIEW = 4
FORMATS = {".md": "markdown", ".html": "html", ".json": "json", ".txt": "table"}
BIG_GPUS = 64

Broken = Sequence[Sequence[Violation]]


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--run", is_flag=True, help="Run the preview of the folder's project instead of reading one.")
@click.option("--stack", "stacks", multiple=True, help="With --run: preview this stack. Can be repeated.")
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
@click.option(
    "--prices",
    "book_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Price book; by default gpufleet-prices.toml, if the folder has one.",
)
@click.option("--live", is_flag=True, help="Ask the clouds' catalogues for prices and capacity; needs their keys.")
@click.option("--fail-on", multiple=True, metavar="RULE[=VALUE]", help="Exit with 3 if a rule is broken (see below).")
@click.option(
    "--rules",
    "rules_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Exit with 3 if a rule of this JSON file is broken.",
)
@click.option("--max-rows", default=200, show_default=True, type=click.IntRange(min=1), help="Rows of each table.")
@click.option(
    "--big-gpus",
    default=BIG_GPUS,
    show_default=True,
    type=click.IntRange(min=1),
    help="Warn of an unprotected cluster with as many GPUs or more.",
)
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    run: bool,
    stacks: tuple[str, ...],
    form: str,
    outputs: tuple[Path, ...],
    book_file: Path | None,
    live: bool,
    fail_on: tuple[str, ...],
    rules_file: Path | None,
    max_rows: int,
    big_gpus: int,
) -> None:
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
    try:
        rules = read_rules(fail_on, rules_file)
        book = read_book(book_file)
    except (UnusableRules, UnusableBook) as error:
        raise click.ClickException(str(error)) from None
    previews = _previews(files, run, stacks)
    reports = _reports(previews, lambda cents: Prices(book, _today(), cents), live=live, big_gpus=big_gpus)
    violations = [broken(rules, each) if rules is not None else [] for each in reports]
    if not outputs:
        click.echo(_text(form, reports, violations, max_rows, colored=sys.stdout.isatty()), nl=False)
    for path in outputs:
        path.write_text(_text(FORMATS[path.suffix], reports, violations, max_rows, colored=False), encoding="utf-8")
    if any(violations):
        for each, found in zip(reports, violations, strict=True):
            for violation in found:
                name = f" {violation.name}" if violation.name else ""
                click.echo(f"{each.name}: {violation.rule}{name}: {violation.message}", err=True)
        ctx.exit(EXIT_BROKEN_RULE)
    if rules is not None and any(each.failed for each in reports):
        click.echo("a preview failed, so the rules could not be checked for all of it", err=True)
        ctx.exit(EXIT_FAILED_PREVIEW)


def read_files(files: Sequence[str]) -> list[Preview]:
    """Return the previews in some files, `-` being standard input, one for each stack; raises ClickException."""
    found: list[Preview] = []
    for name in files:
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
            found += read(text)
        except OSError as error:
            raise click.ClickException(f"{name}: {error.strerror}") from None
        except (UnreadablePreview, UnicodeDecodeError) as error:
            reason = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise click.ClickException(f"{'standard input' if name == '-' else name}: {reason}") from None
    return merged(found)


def _previews(files: tuple[str, ...], run: bool, stacks: tuple[str, ...]) -> list[Preview]:
    if stacks and not run:
        raise click.UsageError("--stack belongs to --run")
    if run and files:
        raise click.UsageError("--run runs a preview; it cannot be combined with a FILE")
    if not run:
        if not files and sys.stdin.isatty():
            raise click.UsageError("give a FILE, pipe `preview --json` in, or use --run")
        return read_files(files or ("-",))
    try:
        return [preview(stack) for stack in stacks or (None,)]
    except FailedRun as error:
        raise click.ClickException(redacted(str(error))) from None


def _reports(
    previews: list[Preview],
    prices: Callable[[dict[tuple[str | None, str | None], int] | None], Prices],
    *,
    live: bool,
    big_gpus: int,
) -> list[StackReport]:
    if not live:
        return [assess(each, prices(None), big_gpus=big_gpus) for each in previews]
    from pulumi_gpufleet.cli.report.live import Catalogues

    catalogues = Catalogues()
    priced = prices(catalogues.machine_cents())
    return [
        assess(each, priced, big_gpus=big_gpus, capacity_risks=risks)
        for each, risks in zip(previews, catalogues.risks(previews), strict=True)
    ]


def _text(form: str, reports: list[StackReport], violations: Broken, max_rows: int, *, colored: bool) -> str:
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


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date()
