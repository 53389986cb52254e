"""The command `pulumi-embedded`, with the commands and flags of the Pulumi CLI that it supports."""

from __future__ import annotations

import click

from pulumi_embedded.commands.about import shim, version, whoami
from pulumi_embedded.commands.config import config
from pulumi_embedded.commands.deploy import cancel, destroy, import_, preview, refresh, up
from pulumi_embedded.commands.exit_codes import CommandLine
from pulumi_embedded.commands.global_flags import accept_global_flags
from pulumi_embedded.commands.plugin import plugin
from pulumi_embedded.commands.stack import stack
from pulumi_embedded.commands.state import state


@click.group(
    cls=CommandLine,
    commands=[cancel, config, destroy, import_, plugin, preview, refresh, shim, stack, state, up, version, whoami],
    other_names={"dn": "destroy", "down": "destroy", "pre": "preview", "update": "up"},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@accept_global_flags
@click.version_option(package_name="pulumi-gpufleet", prog_name="pulumi-embedded")
def main() -> None:
    """Run Pulumi programs in Python without the Pulumi CLI, with its protocol, plugins and state files."""
