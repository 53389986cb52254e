"""`config` and its subcommands `set`, `get` and `rm`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from pulumi_embedded.commands.command import command, json_option, may_ask, report_errors, stack_option
from pulumi_embedded.commands.config_sets import env, refresh, rm_all, set_all
from pulumi_embedded.commands.forgiving import ForgivingGroup
from pulumi_embedded.commands.global_flags import accept_global_flags
from pulumi_embedded.commands.workspace import Workspace
from pulumi_embedded.errors import ProjectError
from pulumi_embedded.storage.likely_secrets import looks_like_secret

_path_option = click.option("--path", "path", is_flag=True, help="The key is a path into an object or a list.")


@command("set")
@click.argument("key")
@click.argument("value", required=False)
@stack_option
@_path_option
@click.option("--secret", is_flag=True, help="Encrypt the value instead of storing it in plaintext.")
@click.option("--plaintext", is_flag=True, help="Save the value as plaintext (unencrypted).")
def set_(key: str, value: str | None, stack_name: str | None, path: bool, secret: bool, plaintext: bool) -> None:
    """Set a configuration value; without VALUE, it is read from standard input."""
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    if secret and plaintext:
        raise ProjectError("pass either --secret or --plaintext, not both")
    if value is None:
        value = click.prompt("value", hide_input=secret) if may_ask() else sys.stdin.read().rstrip("\n")
    value = value or ""
    if not secret and not plaintext and looks_like_secret(key.rpartition(":")[2], value):
        raise ProjectError(
            f"config value for '{key}' looks like a secret; rerun with --secret to encrypt it, or --plaintext if you "
            "meant to store in plaintext"
        )
    stack.config.set(key, value, stack.crypter.encrypt if secret else None, path=path)
    stack.config.save()


@command("get")
@click.argument("key")
@stack_option
@_path_option
@json_option
def get(key: str, stack_name: str | None, path: bool, as_json: bool) -> None:
    """Print a single configuration value, decrypted if it is a secret."""
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    described = stack.config.describe(key, stack.decrypt, path=path)
    if described is None:
        raise ProjectError(f"configuration key '{key}' not found for stack '{stack.name}'")
    click.echo(json.dumps(described, indent=2) if as_json else described["value"])


@command("rm")
@click.argument("key")
@stack_option
@_path_option
def rm(key: str, stack_name: str | None, path: bool) -> None:
    """Remove a configuration value."""
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    stack.config.remove(key, path=path)
    stack.config.save()


@click.group(
    "config",
    cls=ForgivingGroup,
    commands=[set_, get, rm, set_all, rm_all, refresh, env],
    other_names={"delete": "rm", "remove": "rm"},
    invoke_without_command=True,
)
@stack_option
@json_option
@click.option("--show-secrets", is_flag=True, help="Show secret values in plaintext.")
@accept_global_flags
@click.pass_context
@report_errors
def config(context: click.Context, stack_name: str | None, as_json: bool, show_secrets: bool) -> None:
    """Show or change a stack's configuration."""
    if context.invoked_subcommand is None:
        _list(stack_name, as_json, show_secrets)


def _list(stack_name: str | None, as_json: bool, show_secrets: bool) -> None:
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    rows: dict[str, dict[str, Any]] = {
        key: stack.config.describe(key, stack.decrypt if show_secrets else None) or {}
        for key in stack.config.keys()  # noqa: SIM118 (not a mapping)
    }
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    own = f"{stack.workspace.project.name}:"
    shown = {key.removeprefix(own): row.get("value", "[secret]") for key, row in rows.items()}
    width = max([len("KEY"), *map(len, shown)])
    click.echo(f"{'KEY':<{width}}  VALUE")
    for key, value in shown.items():
        click.echo(f"{key:<{width}}  {value}")
