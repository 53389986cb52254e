"""What the commands of `pulumi-embedded` share: how they report errors, when they may ask, and common options."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from pulumi_embedded.commands.exit_codes import FAILED, INTERNAL_ERROR, INTERRUPTED, exit_code_of
from pulumi_embedded.commands.forgiving import ForgivingCommand
from pulumi_embedded.commands.global_flags import accept_global_flags, is_non_interactive
from pulumi_embedded.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

stack_option = click.option(
    "-s", "--stack", "stack_name", help="The name of the stack to operate on. Defaults to the current stack."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Proceed without asking for confirmation.")
json_option = click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON as the Pulumi CLI does.")


class DeploymentFailed(Exception):
    """The deployment failed, and has reported why."""


def command(name: str) -> Callable[[Callable[P, R]], click.Command]:
    """Make a function a command with the global flags and `report_errors`."""

    def decorate(function: Callable[P, R]) -> click.Command:
        return click.command(name, cls=ForgivingCommand)(accept_global_flags(report_errors(function)))

    return decorate


def report_errors(function: Callable[P, R]) -> Callable[P, None]:
    """Make a function exit with a code and one line on standard error where it raises."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except DeploymentFailed:
            sys.exit(FAILED)
        except EngineError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(exit_code_of(error))
        except OSError as error:
            # A file that the user named, or that the engine may not read or write.
            click.echo(f"error: {error.filename or 'a file or connection'}: {error.strerror or error}", err=True)
            sys.exit(FAILED)
        except KeyboardInterrupt:
            click.echo("error: interrupted", err=True)
            sys.exit(INTERRUPTED)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            if "PULUMI_EMBEDDED_DEBUG" in os.environ:
                raise
            click.echo(
                f"error: internal error of pulumi-embedded: {type(error).__name__}: {error} "
                "(set PULUMI_EMBEDDED_DEBUG=1 for the traceback)",
                err=True,
            )
            sys.exit(INTERNAL_ERROR)

    return run


def may_ask() -> bool:
    """Whether there is a terminal to ask for confirmation in, and `--non-interactive` was not given."""
    return sys.stdin.isatty() and not is_non_interactive()
