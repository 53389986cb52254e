"""The `gpufleet` command: what a fleet needs beside Pulumi's own commands."""

from __future__ import annotations

import importlib
from typing import Any

import click
from gpufleet_provider import CLOUDS, __version__

COMMANDS = {
    "comment": ("pulumi_gpufleet.cli.comment.command", "Comment on a pull request with the report of a preview."),
    "import": ("pulumi_gpufleet.cli.importing.command", "Write a program and an import file for what already runs."),
    "orphans": ("pulumi_gpufleet.cli.orphans.command", "List what runs but is in no state; delete it on request."),
    "report": ("pulumi_gpufleet.cli.report.command", "Show what a preview changes, what it risks, and what it costs."),
    "simulate": ("pulumi_gpufleet.cli.simulate", "Run simulated clouds on this machine, for free."),
}
"""Name → the module that holds it (as `command`), and its line in the help. A module is imported when it is called."""


_SIMULATOR = ("flask", "waitress", "werkzeug")
"""What the extra `simulator` installs."""


class Commands(click.Group):
    """Imports a command when it is called, and reports its failure as one line on stderr with exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        except ModuleNotFoundError as missing:
            module = (missing.name or "").partition(".")[0]
            if module not in _SIMULATOR:
                raise
            raise click.ClickException(
                f"{cmd_name} needs {module}: install it with `pip install 'pulumi-gpufleet[simulator]'`"
            ) from None
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; raises ClickException with one line for any failure."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise click.ClickException(_message(error)) from None


def _message(error: Exception) -> str:
    from gpufleet_provider.model.errors import describe, redacted

    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else redacted(str(error))
    return describe(error)


_HELP = f"""Look after GPU clusters beside Pulumi.

The accounts are those of the stacks that --stack names. Without --stack they are those whose keys are in the
environment: {", ".join(f"{cloud.upper()}_API_KEY" for cloud in CLOUDS)}. An address other than the usual one is in
{", ".join(f"{cloud.upper()}_BASE_URL" for cloud in CLOUDS)}.
"""
"""Made from the names alone: a cloud itself is imported when a command needs it."""


@click.command(cls=Commands, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gpufleet")
def main() -> None:
    """Run the command that the arguments name."""
