"""What every command of `pulumi-embedded` is made of: one way to end, and options that several share."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from pulumi_embedded.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

FAILED = 1
"""The deployment failed; it has said why."""
REFUSED = 255
"""The command could not even begin."""


class Fail(Exception):
    """End with this exit code; everything was said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def command(group: click.Group, name: str | None = None) -> Callable[[Callable[P, R]], click.Command]:
    """A subcommand that ends with one line and an exit code when the engine refuses."""

    def decorate(function: Callable[P, R]) -> click.Command:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except Fail as failure:
                sys.exit(failure.code)
            except EngineError as error:
                click.echo(f"error: {error}", err=True)
                sys.exit(REFUSED)
            except KeyboardInterrupt:
                sys.exit(130)
            except (click.ClickException, click.Abort, click.exceptions.Exit):
                raise
            except Exception as error:
                if "PULUMI_EMBEDDED_DEBUG" in os.environ:
                    raise
                click.echo(
                    f"error: internal error of pulumi-embedded: {type(error).__name__}: {error} "
                    "(PULUMI_EMBEDDED_DEBUG=1 shows where)",
                    err=True,
                )
                sys.exit(REFUSED)

        return group.command(name)(run)

    return decorate


def shared(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options at once."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
