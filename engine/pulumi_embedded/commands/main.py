"""The command `pulumi-embedded`, with the commands and flags of the Pulumi CLI that it supports."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pulumi_embedded.commands.config import config
from pulumi_embedded.commands.deploy import cancel, destroy, import_, preview, refresh, up
from pulumi_embedded.commands.exit_codes import CommandLine
from pulumi_embedded.commands.stack import stack
from pulumi_embedded.commands.state import state


@click.group(
    cls=CommandLine,
    commands=[cancel, config, destroy, import_, preview, refresh, stack, state, up],
    other_names={"dn": "destroy", "down": "destroy", "pre": "preview", "update": "up"},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "-C",
    "--cwd",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Run as if started in another directory.",
)
@click.option("--non-interactive", is_flag=True, help="Never ask for confirmation.")
@click.version_option(package_name="pulumi-gpufleet", prog_name="pulumi-embedded")
def main(cwd: Path | None, non_interactive: bool) -> None:
    """Run Pulumi programs in Python without the Pulumi CLI, with its protocol, plugins and state files."""
    if cwd:
        os.chdir(cwd)
