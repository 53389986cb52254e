"""The command `pulumi-embedded`: commands and flags are those of the Pulumi CLI, as far as they go."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pulumi_embedded.commands import config, deploy, stack, state


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "--cwd", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Run as if here.")
@click.option("--non-interactive", is_flag=True, help="Never ask.")
@click.version_option(package_name="pulumi-gpufleet", prog_name="pulumi-embedded")
def main(cwd: Path | None, non_interactive: bool) -> None:
    """Deploy Pulumi programs in Python where there is no Pulumi CLI, with its protocol, its plugins and its state."""
    if cwd:
        os.chdir(cwd)
    if non_interactive:
        os.environ["PULUMI_NON_INTERACTIVE"] = "true"


for module in (deploy, stack, config, state):
    module.add_to(main)
