"""The exit codes of the commands: those of the Pulumi CLI, and where each of them comes from."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from pulumi_embedded.commands.forgiving import ForgivingGroup
from pulumi_embedded.errors import EngineError, StackNotFound

FAILED: Final = 1
"""A deployment that failed or was cancelled, a command that was refused, a wrong flag."""
NOT_CONFIRMED: Final = 2
"""A deployment without `--yes` where nobody can be asked."""
STACK_NOT_FOUND: Final = 6
"""No stack of this name, or one without a state."""
CHANGES: Final = 7
"""Changes where `--expect-no-changes` expects none."""
INTERRUPTED: Final = 130
"""Ctrl-C where nothing was to be completed, or a second time."""
INTERNAL_ERROR: Final = 255
"""A defect of this engine."""


class NotConfirmed(EngineError):
    """Nobody has confirmed the deployment, and there is nobody to ask."""


class UnexpectedChanges(EngineError):
    """The deployment has, or would have, changes, and `--expect-no-changes` was given."""


_CODES: Final[dict[type[EngineError], int]] = {
    NotConfirmed: NOT_CONFIRMED,
    StackNotFound: STACK_NOT_FOUND,
    UnexpectedChanges: CHANGES,
}


def exit_code_of(error: EngineError) -> int:
    """The exit code of a command that ends with this error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), FAILED)


class CommandLine(ForgivingGroup):
    """A group of commands whose wrong flags exit with the same code as other refusals."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command; in standalone mode, exit with its code."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        try:
            code = super().main(*args, standalone_mode=False, **extra)
        except click.ClickException as error:
            context = error.ctx if isinstance(error, click.UsageError) else None
            hint = f" (see `{context.command_path} --help`)" if context else ""
            click.echo(f"error: {error.format_message()}{hint}", err=True)
            sys.exit(FAILED)
        except click.Abort:
            click.echo("Aborted!", err=True)
            sys.exit(FAILED)
        sys.exit(code if isinstance(code, int) else 0)
