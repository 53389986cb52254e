"""What a report is asked for: the options that `gpufleet report` and `gpufleet comment` share."""

from __future__ import annotations

import datetime
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from gpufleet_provider.model.errors import redacted

from pulumi_gpufleet.cli.report.assessment import StackReport, assess
from pulumi_gpufleet.cli.report.guards import UnusableRules, broken, read_rules
from pulumi_gpufleet.cli.report.previews import Preview, UnreadablePreview, merged, read
from pulumi_gpufleet.cli.report.prices import Prices, UnusableBook, read_book
from pulumi_gpufleet.cli.report.running import FailedRun, preview
from pulumi_gpufleet.policies.rules import Rules, Violation

EXIT_BROKEN_RULE = 3
EXIT_FAILED_PREVIEW = 4
BIG_GPUS = 64

_OPTIONS = (
    click.argument("files", nargs=-1, metavar="[FILE]..."),
    click.option("--run", is_flag=True, help="Run the preview of the folder's project instead of reading one."),
    click.option("--stack", "stacks", multiple=True, help="With --run: preview this stack. Can be repeated."),
    click.option(
        "--prices",
        "book_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Price book; by default gpufleet-prices.toml, if the folder has one.",
    ),
    click.option("--live", is_flag=True, help="Ask the clouds' catalogues for prices and capacity; needs their keys."),
    click.option("--fail-on", multiple=True, metavar="RULE[=VALUE]", help="Exit with 3 if a rule is broken."),
    click.option(
        "--rules",
        "rules_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Exit with 3 if a rule of this JSON file is broken.",
    ),
    click.option("--max-rows", default=200, show_default=True, type=click.IntRange(min=1), help="Rows of each table."),
    click.option(
        "--big-gpus",
        default=BIG_GPUS,
        show_default=True,
        type=click.IntRange(min=1),
        help="Warn of an unprotected cluster with as many GPUs or more.",
    ),
)


@dataclass(frozen=True)
class Answer:
    """The reports of some stacks, and the rules that each breaks."""

    reports: list[StackReport]
    violations: list[list[Violation]]
    rules: Rules | None

    def end(self, ctx: click.Context) -> None:
        """Say which rules are broken, and exit with the code for that; return if there is nothing to say."""
        for report, found in zip(self.reports, self.violations, strict=True):
            for violation in found:
                name = f" {violation.name}" if violation.name else ""
                click.echo(f"{report.name}: {violation.rule}{name}: {violation.message}", err=True)
        if any(self.violations):
            ctx.exit(EXIT_BROKEN_RULE)
        if self.rules is not None and any(report.failed for report in self.reports):
            click.echo("a preview failed, so the rules could not be checked for all of it", err=True)
            ctx.exit(EXIT_FAILED_PREVIEW)


@dataclass(frozen=True)
class Request:
    """What is to be reported, by which prices and rules."""

    files: tuple[str, ...]
    run: bool
    stacks: tuple[str, ...]
    book_file: Path | None
    live: bool
    fail_on: tuple[str, ...]
    rules_file: Path | None
    max_rows: int
    big_gpus: int

    def answer(self) -> Answer:
        """Read or run the previews and report them; raises ClickException, and CloudError with `live`."""
        try:
            rules = read_rules(self.fail_on, self.rules_file)
            book = read_book(self.book_file)
        except (UnusableRules, UnusableBook) as error:
            raise click.ClickException(str(error)) from None
        previews = self._previews()
        reports = self._reports(previews, functools.partial(Prices, book, _today()))
        return Answer(reports, [broken(rules, each) if rules is not None else [] for each in reports], rules)

    def _previews(self) -> list[Preview]:
        if self.stacks and not self.run:
            raise click.UsageError("--stack belongs to --run")
        if self.run and self.files:
            raise click.UsageError("--run runs a preview; it cannot be combined with a FILE")
        if not self.run:
            if not self.files and sys.stdin.isatty():
                raise click.UsageError("give a FILE, pipe `preview --json` in, or use --run")
            return _read(self.files or ("-",))
        try:
            return [preview(stack) for stack in self.stacks or (None,)]
        except FailedRun as error:
            raise click.ClickException(redacted(str(error))) from None

    def _reports(self, previews: list[Preview], prices: Callable[..., Prices]) -> list[StackReport]:
        if not self.live:
            return [assess(each, prices(), big_gpus=self.big_gpus) for each in previews]
        from pulumi_gpufleet.cli.report.live import Catalogues

        catalogues = Catalogues()
        priced = prices(catalogues.machine_cents())
        return [
            assess(each, priced, big_gpus=self.big_gpus, capacity_risks=risks)
            for each, risks in zip(previews, catalogues.risks(previews), strict=True)
        ]


def report_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options, as one argument `request`."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        request = Request(**{name: options.pop(name) for name in Request.__dataclass_fields__})
        command(*args, request=request, **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _read(files: Sequence[str]) -> list[Preview]:
    """Return the previews in some files, `-` being standard input, one for each stack; raises ClickException."""
    found: list[Preview] = []
    for name in files:
        try:
            found += read(sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise click.ClickException(f"{name}: {error.strerror}") from None
        except (UnreadablePreview, UnicodeDecodeError) as error:
            reason = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise click.ClickException(f"{'standard input' if name == '-' else name}: {reason}") from None
    return merged(found)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date()
