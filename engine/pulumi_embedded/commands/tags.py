"""`stack tag` and its subcommands `get`, `set`, `rm` and `ls`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pulumi_embedded.commands.command import command, json_option, stack_option
from pulumi_embedded.commands.forgiving import ForgivingGroup
from pulumi_embedded.commands.workspace import Workspace
from pulumi_embedded.errors import StateError


@command("get")
@click.argument("name")
@stack_option
def get(name: str, stack_name: str | None) -> None:
    """Get a single stack tag value."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    tags = chosen.backend.tags(chosen.reference)
    if name not in tags:
        raise StateError(f"stack tag '{name}' not found for stack '{chosen.name}'")
    click.echo(tags[name])


@command("set")
@click.argument("name")
@click.argument("value")
@stack_option
def set_(name: str, value: str, stack_name: str | None) -> None:
    """Set a stack tag."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    chosen.backend.save_tags(chosen.reference, chosen.backend.tags(chosen.reference) | {name: value})


@command("rm")
@click.argument("name")
@stack_option
def rm(name: str, stack_name: str | None) -> None:
    """Remove a stack tag."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    tags = chosen.backend.tags(chosen.reference)
    tags.pop(name, None)
    chosen.backend.save_tags(chosen.reference, tags)


@command("ls")
@stack_option
@json_option
def ls(stack_name: str | None, as_json: bool) -> None:
    """List all stack tags."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    tags = dict(sorted(chosen.backend.tags(chosen.reference).items()))
    if as_json:
        click.echo(json.dumps(tags, indent=2, ensure_ascii=False))
        return
    width = max([len("NAME"), *(len(name) for name in tags)])
    click.echo(f"{'NAME':<{width}}  VALUE")
    for name, value in tags.items():
        click.echo(f"{name:<{width}}  {value}")


tag = ForgivingGroup(
    "tag",
    help="Manage stack tags.",
    commands=[get, set_, rm, ls],
    other_names={"delete": "rm", "list": "ls", "remove": "rm"},
)
