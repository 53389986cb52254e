"""`plugin install`, which drivers call before a deployment: nothing is fetched, but what is missing is named."""

from __future__ import annotations

import click

from pulumi_embedded.commands.command import command
from pulumi_embedded.commands.forgiving import ForgivingGroup
from pulumi_embedded.errors import EngineError
from pulumi_embedded.providers.plugins import DYNAMIC_PACKAGE, find_binary, plugin_folder

_BUILT_IN = frozenset({DYNAMIC_PACKAGE, "random"})


@command("install")
@click.argument("kind", type=click.Choice(["resource"]))
@click.argument("name")
@click.argument("version", default="")
@click.option("--server", hidden=True)
def install(kind: str, name: str, version: str, server: str | None) -> None:
    """Check that the plugin of a package is there; pulumi-embedded downloads none."""
    if name not in _BUILT_IN and find_binary(name, version.removeprefix("v")) is None:
        raise EngineError(
            f"pulumi-resource-{name} {version} is neither on PATH nor in {plugin_folder()}, and pulumi-embedded "
            "downloads no plugins; install it with the Pulumi CLI, or put the binary on PATH"
        )
    click.echo(f"[{kind} plugin {name}] is there")


plugin = ForgivingGroup("plugin", help="Manage resource provider plugins.", commands=[install])
