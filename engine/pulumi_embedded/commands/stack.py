"""`stack`, which shows one, and its subcommands."""

from __future__ import annotations

import itertools
import json
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pulumi_embedded.commands.command import (
    command,
    json_option,
    may_ask,
    report_errors,
    stack_option,
    yes_option,
)
from pulumi_embedded.commands.forgiving import ForgivingGroup
from pulumi_embedded.commands.global_flags import accept_global_flags
from pulumi_embedded.commands.tags import tag
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.display.history import time_text, update_json
from pulumi_embedded.display.json_events import masked
from pulumi_embedded.display.stack_tree import tree_lines
from pulumi_embedded.display.stdout import json_text
from pulumi_embedded.display.updates import ago, update_lines
from pulumi_embedded.errors import EngineError, StackNotFound, StateError
from pulumi_embedded.storage.checkpoint import dump_deployment
from pulumi_embedded.storage.secrets import crypter_of
from pulumi_embedded.storage.snapshot import Snapshot, new_manifest
from pulumi_embedded.values import Json, plain_properties, to_checkpoint_json

if TYPE_CHECKING:
    from pulumi_embedded.storage.backend import FileBackend
    from pulumi_embedded.storage.stack_reference import StackReference

_name_argument = click.argument("name", required=False)


@command("init")
@_name_argument
@stack_option
@click.option("--no-select", is_flag=True, help="Do not select the stack.")
@click.option("--secrets-provider", default="passphrase", hidden=True)
def init(name: str | None, stack_name: str | None, no_select: bool, secrets_provider: str) -> None:
    """Create an empty stack with the given name."""
    name = _required(name or stack_name)
    if secrets_provider not in ("passphrase", "default"):
        raise EngineError(f"the secrets provider {secrets_provider!r} is not supported, only passphrase")
    workspace = Workspace.open(Path.cwd())
    reference = workspace.reference(name)
    _create(workspace, reference)
    if not no_select:
        workspace.select(reference)


def _create(workspace: Workspace, reference: StackReference) -> None:
    workspace.backend.create(reference)
    workspace.stack(reference.qualified_name).crypter_if_any()
    click.echo(f"Created stack '{reference.name}'", err=True)


@command("ls")
@json_option
@click.option("-a", "--all", "all_", is_flag=True, help="List the stacks of all projects.")
def ls(as_json: bool, all_: bool) -> None:
    """List stacks."""
    workspace = Workspace.open(Path.cwd())
    current = workspace.selected
    stacks = workspace.backend.stacks(None if all_ else workspace.project.name)
    if as_json:
        rows = [_row(workspace.backend, reference, current) for reference in stacks]
        click.echo(json.dumps(rows, indent=2))
        return
    rows = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for reference in stacks:
        own = reference.project == workspace.project.name
        name = reference.name if own else reference.qualified_name
        summary = workspace.backend.summary(reference)
        mark = "*" if own and reference.name == current else ""
        updated = ago(time.time() - summary.last_update.timestamp())
        rows.append((f"{name}{mark}", updated, str(summary.resource_count)))
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, updated, count in rows:
        click.echo(f"{name:<{first}}  {updated:<{second}}  {count}")


def _row(backend: FileBackend, reference: StackReference, current: str | None) -> dict[str, Any]:
    summary = backend.summary(reference)
    return {
        "name": reference.name,
        "current": reference.name == current,
        "lastUpdate": time_text(summary.last_update),
        "resourceCount": summary.resource_count,
    }


@command("select")
@_name_argument
@stack_option
@click.option("-c", "--create", is_flag=True, help="If the stack does not exist, create it.")
def select(name: str | None, stack_name: str | None, create: bool) -> None:
    """Make the stack the current one."""
    name = name or stack_name
    if not name:
        raise StackNotFound("no stack selected; specify a stack name with --stack")
    workspace = Workspace.open(Path.cwd())
    reference = workspace.reference(name)
    if create and not workspace.backend.exists(reference):
        _create(workspace, reference)
    workspace.select(workspace.stack(name).reference)


@command("unselect")
def unselect() -> None:
    """Leave no stack selected."""
    Workspace.open(Path.cwd()).select(None)
    click.echo("Stack was unselected")


@command("rm")
@_name_argument
@stack_option
@yes_option
@click.option(
    "-f", "--force", is_flag=True, help="Remove the stack even if it has resources; they are not deleted in the cloud."
)
@click.option("--preserve-config", is_flag=True, help="Do not delete the configuration file Pulumi.<stack>.yaml.")
def rm(name: str | None, stack_name: str | None, yes: bool, force: bool, preserve_config: bool) -> None:
    """Remove a stack and its configuration."""
    workspace = Workspace.open(Path.cwd())
    chosen = workspace.stack(name or stack_name)
    if not yes:
        if not may_ask():
            raise EngineError("--yes must be passed in to proceed when running in non-interactive mode")
        click.confirm(f"This will permanently remove the '{chosen.name}' stack. Continue?", abort=True)
    workspace.backend.remove(chosen.reference, force=force)
    if not preserve_config:
        chosen.config.path.unlink(missing_ok=True)
    if workspace.selected == chosen.name:
        workspace.select(None)
    click.echo(f"Stack '{chosen.name}' has been removed!")


@command("rename")
@click.argument("new_name")
@stack_option
def rename(new_name: str, stack_name: str | None) -> None:
    """Rename an existing stack."""
    workspace = Workspace.open(Path.cwd())
    chosen = workspace.stack(stack_name)
    new = workspace.reference(new_name)
    workspace.backend.recover(chosen.reference)
    workspace.backend.rename(chosen.reference, new)
    if chosen.config.path.exists():
        chosen.config.path.replace(workspace.project.stack_config_path(new.name))
    workspace.select(new)
    click.echo(f"Renamed {chosen.name} to {new.name}")


@command("output")
@_name_argument
@stack_option
@json_option
@click.option("--show-secrets", is_flag=True, help="Show secret outputs in plaintext.")
def output(name: str | None, stack_name: str | None, as_json: bool, show_secrets: bool) -> None:
    """Show a stack's outputs, or the value of the output NAME."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    values = _outputs(chosen, show_secrets)
    if name is not None and name not in values:
        raise StateError(f"current stack does not have output property '{name}'")
    if name is not None:
        click.echo(json_text(values[name], indent=2) if as_json else _text(values[name]))
    elif as_json:
        click.echo(json_text(values, indent=2))
    else:
        _show_outputs(values)


def _show_outputs(values: dict[str, Json]) -> None:
    click.echo(f"Current stack outputs ({len(values)}):")
    if not values:
        click.echo("    No output values currently in this stack")
        return
    width = max(len("OUTPUT"), *(len(key) for key in values))
    click.echo(f"    {'OUTPUT':<{width}}  VALUE")
    for key, value in sorted(values.items()):
        click.echo(f"    {key:<{width}}  {_text(value)}")


def _outputs(chosen: Stack, show_secrets: bool) -> dict[str, Json]:
    return _outputs_of(chosen.load() if show_secrets else chosen.load_blindly(), show_secrets)


def _outputs_of(snapshot: Snapshot | None, show_secrets: bool) -> dict[str, Json]:
    root = snapshot.root() if snapshot else None
    outputs = root.outputs if root else {}
    shown = plain_properties(outputs) if show_secrets else masked(outputs)
    return {key: to_checkpoint_json(value, None) for key, value in shown.items()}


@command("export")
@stack_option
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A filename to write stack output to, instead of standard out.",
)
@click.option("--show-secrets", is_flag=True, help="Emit secrets in plaintext in exported stack.")
def export(stack_name: str | None, path: Path | None, show_secrets: bool) -> None:
    """Export a stack's deployment to standard out."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    document = chosen.backend.export(chosen.reference)
    if show_secrets or document.get("deployment") is None:
        snapshot = chosen.load() or Snapshot(manifest=new_manifest())
        document = dump_deployment(snapshot, chosen.crypter_if_any(), show_secrets=show_secrets)
    if path:
        path.write_text(json.dumps(document, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        click.echo(json_text(document, indent=4))


@command("import")
@stack_option
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A filename to read stack input from, instead of standard in.",
)
@click.option("-f", "--force", is_flag=True, hidden=True)
def import_(stack_name: str | None, path: Path | None, force: bool) -> None:
    """Import a deployment from standard in into an existing stack."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    try:
        document = json.loads(path.read_text(encoding="utf-8") if path else sys.stdin.read())
    except ValueError as error:
        raise StateError(f"the input is not an exported deployment: {error}") from None
    chosen.backend.import_deployment(chosen.reference, document, crypter_of, lambda: chosen.crypter)
    click.echo("Import complete.")


@command("history")
@stack_option
@json_option
@click.option("--show-secrets", is_flag=True, help="Show the secrets of the configuration in plaintext.")
@click.option("--page-size", type=click.IntRange(1), default=10, help="The number of updates on a page.")
@click.option("--page", type=click.IntRange(1), default=1, help="The page to display.")
@click.option("--full-dates", is_flag=True, help="Show full dates, instead of relative dates.")
def history(
    stack_name: str | None, as_json: bool, show_secrets: bool, page_size: int, page: int, full_dates: bool
) -> None:
    """Display a stack's updates, newest first."""
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    everything = chosen.backend.history(chosen.reference)
    updates: list[dict[str, Any]] = list(itertools.islice(everything, (page - 1) * page_size, page * page_size))
    if as_json:
        decrypt = chosen.decrypt if show_secrets else None
        click.echo(json_text([update_json(update, decrypt) for update in updates], indent=2))
        return
    if not updates:
        click.echo("Stack has never been updated")
    for update in updates:
        click.echo("\n".join([*update_lines(update, time.time(), full_dates=full_dates), ""]))


def _required(name: str | None) -> str:
    if not name:
        raise EngineError("missing stack name")
    return name


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json_text(value)


@click.group(
    "stack",
    cls=ForgivingGroup,
    commands=[init, ls, select, unselect, rename, rm, output, export, import_, history, tag],
    other_names={
        "create": "init",
        "delete": "rm",
        "hist": "history",
        "list": "ls",
        "new": "init",
        "remove": "rm",
        "setup": "init",
    },
    invoke_without_command=True,
)
@stack_option
@accept_global_flags
@click.option("-u", "--show-urns", is_flag=True, help="Display each resource's URN.")
@click.option("-i", "--show-ids", is_flag=True, help="Display each resource's id.")
@click.option("--show-name", is_flag=True, help="Display only the stack's name.")
@click.option("--show-secrets", is_flag=True, help="Show secret outputs in plaintext.")
@click.pass_context
@report_errors
def stack(
    context: click.Context, stack_name: str | None, show_urns: bool, show_ids: bool, show_name: bool, show_secrets: bool
) -> None:
    """Manage stacks; without a subcommand, show the current one."""
    if context.invoked_subcommand is not None:
        return
    chosen = Workspace.open(Path.cwd()).stack(stack_name)
    if show_name:
        click.echo(chosen.name)
        return
    snapshot = chosen.load() if show_secrets else chosen.load_blindly()
    click.echo(f"Current stack is {chosen.name}:\n    Managed by {socket.gethostname()}")
    if snapshot is None:
        click.echo("    No updates yet; run `pulumi-embedded up`")
    else:
        click.echo(f"    Last updated: {snapshot.manifest.time}")
        click.echo(f"    Pulumi version used: {snapshot.manifest.version}")
    resources = snapshot.resources if snapshot else []
    click.echo(f"Current stack resources ({len(resources)}):")
    if resources:
        click.echo("\n".join(tree_lines(resources, show_urns=show_urns, show_ids=show_ids)) + "\n")
        _show_outputs(_outputs_of(snapshot, show_secrets))
    else:
        click.echo("    No resources currently in this stack")
    click.echo("\nUse `pulumi-embedded stack select` to change stack; `pulumi-embedded stack ls` lists known ones")
