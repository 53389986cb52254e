"""Flags that every command accepts, before the command's name or after it, as in the Pulumi CLI.

Those that only steer the CLI's display, logging and tracing change nothing here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")

_NON_INTERACTIVE: Final = "pulumi_embedded.non_interactive"
_INERT_FLAGS: Final[Sequence[tuple[str, ...]]] = (
    ("--disable-integrity-checking",),
    ("-e", "--emoji"),
    ("-Q", "--fully-qualify-stack-names"),
    ("--logflow",),
    ("--logtostderr",),
)
_INERT_OPTIONS: Final[Sequence[tuple[str, ...]]] = (
    ("--memprofilerate",),
    ("--otel-traces",),
    ("--profiling",),
    ("--tracing",),
    ("--tracing-header",),
)


def accept_global_flags(function: F) -> F:
    """Let a command accept the global flags; the function does not receive them."""
    options = [
        click.option("--color", type=click.Choice(["auto", "always", "never", "raw"]), hidden=True, expose_value=False),
        click.option(
            "-C",
            "--cwd",
            type=click.Path(file_okay=False, exists=True, path_type=Path),
            help="Run as if started in another directory.",
            callback=_change_directory,
            expose_value=False,
            is_eager=True,
        ),
        click.option(
            "--non-interactive",
            is_flag=True,
            help="Never ask for confirmation.",
            callback=_disable_questions,
            expose_value=False,
        ),
        *(click.option(*names, is_flag=True, hidden=True, expose_value=False) for names in _INERT_FLAGS),
        *(click.option(*names, hidden=True, expose_value=False) for names in _INERT_OPTIONS),
    ]
    own: list[click.Parameter] = getattr(function, "__click_params__", [])
    if not any("--verbose" in parameter.opts for parameter in own):
        # `whoami` has another flag of this name.
        options.append(click.option("-v", "--verbose", type=int, hidden=True, expose_value=False))
    for option in options:
        function = option(function)
    return function


def is_non_interactive() -> bool:
    """Whether `--non-interactive` was given, before or after the command's name."""
    return bool(click.get_current_context().meta.get(_NON_INTERACTIVE))


def _change_directory(_context: click.Context, _parameter: click.Parameter, folder: Path | None) -> None:
    if folder:
        os.chdir(folder)


def _disable_questions(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
    if given:
        context.meta[_NON_INTERACTIVE] = True
