"""The `gpufleet` command: what Pulumi's own commands do not do for a fleet."""

from __future__ import annotations

import importlib
from typing import Any

import click
from gpufleet_provider import __version__

COMMANDS = {
    "import": ("pulumi_gpufleet.cli.importing.command", "Write the program and the import file for what already runs."),
    "orphans": ("pulumi_gpufleet.cli.orphans.command", "List, and on demand delete, what runs and stands in no state."),
    "simulate": ("pulumi_gpufleet.cli.simulate", "Run both clouds on this machine, for free."),
}
"""Name → the module that holds it (as `command`), and its line in the help. A module is imported when it is called."""


class Commands(click.Group):
    """Commands that are imported when they are called, and whose every failure is one line on stderr, exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and say in one line why it failed."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError, KeyboardInterrupt):
            raise
        except Exception as fault:
            raise click.ClickException(_line(fault)) from None


def _line(fault: Exception) -> str:
    from gpufleet_provider.model.errors import CloudError, redacted

    if isinstance(fault, CloudError):
        return str(fault)
    if isinstance(fault, OSError):
        return f"{fault.filename}: {fault.strerror}" if fault.filename else redacted(str(fault))
    return redacted(f"this is a fault of pulumi-gpufleet {__version__} ({type(fault).__name__}: {fault})")


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gpufleet")
def main() -> None:
    """GPU clusters on Together and Shadeform, beside Pulumi.

    Accounts are those of the stacks that --stack names, else those whose keys stand in TOGETHER_API_KEY and
    SHADEFORM_API_KEY (and addresses in TOGETHER_BASE_URL and SHADEFORM_BASE_URL, where they are not the usual ones).
    """
