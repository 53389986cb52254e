"""`config`, `config set`, `get` and `rm`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from pulumi_embedded.commands.command import command
from pulumi_embedded.commands.workspace import Workspace
from pulumi_embedded.errors import ProjectError

_stack = click.option("-s", "--stack", "stack_name", help="The stack; else the selected one.")
_path = click.option("--path", "path", is_flag=True, help="The key leads into an object.")
_json = click.option("-j", "--json", "as_json", is_flag=True)


def add_to(main: click.Group) -> None:
    """Register the commands."""

    @main.group("config", invoke_without_command=True)
    @_stack
    @_json
    @click.option("--show-secrets", is_flag=True)
    @click.pass_context
    def config(context: click.Context, stack_name: str | None, as_json: bool, show_secrets: bool) -> None:
        """Show or change the stack's config."""
        if context.invoked_subcommand is None:
            listing = command(click.Group(), "list")(_list)
            context.invoke(listing, stack_name=stack_name, as_json=as_json, show_secrets=show_secrets)

    @command(config, "set")
    @click.argument("key")
    @click.argument("value", required=False)
    @_stack
    @_path
    @click.option("--secret", is_flag=True, help="Encrypt it.")
    @click.option("--plaintext", is_flag=True, help="Do not.")
    def set_(key: str, value: str | None, stack_name: str | None, path: bool, secret: bool, plaintext: bool) -> None:
        """Set a value; without one it is read from standard input."""
        stack = Workspace.open(Path.cwd()).stack(stack_name)
        if value is None:
            value = click.prompt("value", hide_input=secret) if sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
        encrypt = stack.crypter.encrypt if secret and not plaintext else None
        stack.config.set(key, value or "", encrypt, path=path)
        stack.config.save()

    @command(config, "get")
    @click.argument("key")
    @_stack
    @_path
    @_json
    def get(key: str, stack_name: str | None, path: bool, as_json: bool) -> None:
        """Print a value, a secret one too."""
        stack = Workspace.open(Path.cwd()).stack(stack_name)
        value = stack.config.get(key, stack.decrypt, path=path)
        if value is None:
            raise ProjectError(f"configuration key '{key}' not found for stack '{stack.name}'")
        if as_json:
            secret = stack.config.is_secret(key, path=path)
            click.echo(json.dumps({"value": value, "secret": secret}, indent=2))
        else:
            click.echo(value)

    @command(config, "rm")
    @click.argument("key")
    @_stack
    @_path
    def rm(key: str, stack_name: str | None, path: bool) -> None:
        """Remove a value."""
        stack = Workspace.open(Path.cwd()).stack(stack_name)
        stack.config.remove(key, path=path)
        stack.config.save()


def _list(stack_name: str | None, as_json: bool, show_secrets: bool) -> None:
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    rows: dict[str, Any] = {}
    for key in stack.config.keys():  # noqa: SIM118 (not a mapping)
        secret = stack.config.is_secret(key)
        hidden = secret and not show_secrets
        rows[key] = {"value": None if hidden else stack.config.get(key, stack.decrypt), "secret": secret}
    if as_json:
        click.echo(
            json.dumps({key: {k: v for k, v in row.items() if v is not None} for key, row in rows.items()}, indent=2)
        )
        return
    width = max([len("KEY"), *(len(key) for key in rows)])
    click.echo(f"{'KEY':<{width}}  VALUE")
    for key, row in rows.items():
        click.echo(f"{key:<{width}}  {'[secret]' if row['value'] is None else row['value']}")
