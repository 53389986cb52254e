"""The subcommands of `config` that change several values at once: `set-all`, `rm-all` and `refresh`; and `env`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn, cast

import click

from pulumi_embedded.commands.command import command, stack_option
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.errors import EngineError, ProjectError
from pulumi_embedded.storage.state_files import with_extension

_path_option = click.option("--path", "path", is_flag=True, help="The keys are paths into an object or a list.")


@command("set-all")
@stack_option
@_path_option
@click.option("--plaintext", "plaintexts", multiple=True, metavar="KEY=VALUE", help="Save the value as plaintext.")
@click.option("--secret", "secrets", multiple=True, metavar="KEY=VALUE", help="Encrypt the value.")
@click.option("--json", "document", help="Set the values in a JSON string as `config --json` prints it.")
def set_all(
    stack_name: str | None, path: bool, plaintexts: tuple[str, ...], secrets: tuple[str, ...], document: str | None
) -> None:
    """Set multiple configuration values."""
    if document is not None and (plaintexts or secrets or path):
        raise EngineError("the --json option cannot be used with the --plaintext, --secret or --path options")
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    for pair in plaintexts:
        key, value = _pair(pair)
        stack.config.set(key, value, None, path=path)
    for pair in secrets:
        key, value = _pair(pair)
        stack.config.set(key, value, stack.crypter.encrypt, path=path)
    if document is not None:
        _set_described(stack, document)
    stack.config.save()


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise EngineError(f"config value must be in the form [key]=[value], not {key!r}")
    return key, value


def _set_described(stack: Stack, document: str) -> None:
    try:
        described: object = json.loads(document)
    except ValueError as error:
        raise EngineError(f"could not parse --json argument: {error}") from None
    if not isinstance(described, dict):
        raise EngineError("could not parse --json argument: it is not a JSON object")
    for key, given in cast("dict[str, Any]", described).items():
        entry = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        value: object = entry.get("value")
        if not isinstance(value, str):
            raise EngineError(f"value for --json object key {key!r} is nil")
        if entry.get("secret") is True:
            stack.config.set(key, value, stack.crypter.encrypt)
        elif entry.get("objectValue") is not None:
            stack.config.set_object(key, entry["objectValue"])
        else:
            stack.config.set(key, value, None)


@command("rm-all")
@click.argument("keys", nargs=-1, required=True)
@stack_option
@_path_option
def rm_all(keys: tuple[str, ...], stack_name: str | None, path: bool) -> None:
    """Remove multiple configuration values."""
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    for key in keys:
        stack.config.remove(key, path=path)
    stack.config.save()


@command("refresh")
@stack_option
@click.option("-f", "--force", is_flag=True, help="Overwrite the configuration file without a backup of it.")
def refresh(stack_name: str | None, force: bool) -> None:
    """Replace the configuration with that of the stack's most recent deployment."""
    stack = Workspace.open(Path.cwd()).stack(stack_name)
    latest = next(iter(stack.backend.history(stack.reference)), None)
    if latest is None:
        raise ProjectError(f"no previous deployment of the stack '{stack.name}'")
    path = stack.config.path
    if path.exists() and not force:
        backup = with_extension(path, ".bak")
        while backup.exists():
            backup = with_extension(backup, ".bak")
        backup.write_bytes(path.read_bytes())
        click.echo(f"backed up existing configuration file to {backup}")
    stack.config.replace(latest.get("config") or {})
    stack.crypter_if_any()
    stack.config.save()
    click.echo(f"refreshed configuration for stack '{stack.name}'")


@click.command("env", context_settings={"ignore_unknown_options": True}, hidden=True)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def env(arguments: tuple[str, ...]) -> NoReturn:
    """Refuse environments, which are a service of Pulumi Cloud."""
    click.echo("error: a file backend does not support environments; Pulumi ESC needs Pulumi Cloud", err=True)
    raise SystemExit(1)
