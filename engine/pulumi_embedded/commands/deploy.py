"""`preview`, `up`, `refresh`, `destroy`, `import` and `cancel`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeAlias

import click

from pulumi_embedded.commands.command import DeploymentFailed, command, json_option, may_ask, stack_option, yes_option
from pulumi_embedded.commands.display_flags import accept_display_flags
from pulumi_embedded.commands.operation import Operation
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.deployment.target import Kind, Outcome
from pulumi_embedded.display.json_events import EventStream, PreviewDigest
from pulumi_embedded.display.plain import PlainDisplay, output_lines
from pulumi_embedded.display.stdout import StandardOutput
from pulumi_embedded.errors import EngineError
from pulumi_embedded.steps.imports import parse_import_file
from pulumi_embedded.steps.options import Options
from pulumi_embedded.steps.targets import Targets
from pulumi_embedded.values import plain_properties

Command: TypeAlias = Callable[..., Any]

_diff = click.option("--diff", "show_diff", is_flag=True, help="Show the changes of every property.")
_skip_preview = click.option(
    "-f", "--skip-preview", is_flag=True, help="Do not calculate a preview before performing the operation."
)
_preview_only = click.option("--preview-only", is_flag=True, help="Only show a preview of the operation.")
_parallel = click.option(
    "-p",
    "--parallel",
    type=click.IntRange(0),
    default=0,
    help="Allow this many resource operations to run in parallel at once; 0, the default, is unlimited.",
)
_refresh = click.option(
    "-r", "--refresh", "refresh", is_flag=True, help="Refresh the state of the stack's resources first."
)
_target = click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    help="Operate only on the resource with this URN; may be repeated. The wildcards * and ** are supported.",
)
_target_dependents = click.option(
    "--target-dependents", is_flag=True, help="Operate also on the resources that depend on a --target."
)
_replace = click.option(
    "--replace", "replaces", multiple=True, help="Replace the resource with this URN even if nothing differs."
)
_continue = click.option(
    "--continue-on-error", is_flag=True, help="Continue with independent resources after an error."
)
_run_program = click.option(
    "--run-program",
    type=bool,
    is_flag=False,
    flag_value=True,
    default=False,
    help="In a destroy, run the program first: for its hooks, and for the configuration of its providers.",
)
_no_changes = click.option("--expect-no-changes", is_flag=True, help="Return an error if any changes occur.")
_message = click.option("-m", "--message", default="", help="A message to store in the stack's history.")
_show_secrets = click.option("--show-secrets", is_flag=True, help="Show secret outputs in plaintext.")
_policy = click.option("--policy-pack", "policy_packs", multiple=True, hidden=True)
_suppress_outputs = click.option("--suppress-outputs", is_flag=True, help="Do not show the stack's outputs.")
_config_file = click.option(
    "--config-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Use the configuration in this file instead of the stack's.",
)
_client = click.option(
    "--client", default="", hidden=True, help="The address of the driver that runs an inline program."
)
_event_log = click.option(
    "--event-log", default="", hidden=True, help="Write every event to this file, or to a gRPC address tcp://…."
)


def _all_of(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator."""

    def decorate(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_common = _all_of(
    stack_option,
    json_option,
    _diff,
    _parallel,
    _target,
    _target_dependents,
    _continue,
    _no_changes,
    _message,
    _show_secrets,
    _suppress_outputs,
    _run_program,
    _policy,
    _config_file,
    _client,
    _event_log,
    accept_display_flags,
)
_executing = _all_of(yes_option, _skip_preview, _preview_only)


def _options(given: dict[str, Any]) -> Options:
    if given.get("policy_packs"):
        raise EngineError("policy packs are not supported by pulumi-embedded; run them with the Pulumi CLI")
    targets, replaces = given["targets"], given.get("replaces", ())
    return Options(
        preview=True,
        parallel=given["parallel"],
        refresh=given.get("refresh", False),
        continue_on_error=given["continue_on_error"],
        target_dependents=given["target_dependents"],
        targets=Targets(targets) if targets else None,
        replace_targets=Targets(replaces) if replaces else None,
        imports=given.get("imports", ()),
        protect_imports=given.get("protect", True),
    )


@command("preview")
@_common
@_refresh
@_replace
def preview(**given: Any) -> None:
    """Show a preview of updates to a stack's resources."""
    _end(_preview(_operation("update", given), given), given)


@command("up")
@_common
@_executing
@_refresh
@_replace
def up(**given: Any) -> None:
    """Create or update the resources in a stack."""
    _deploy("update", given)


@command("refresh")
@_common
@_executing
@click.option("--clear-pending-creates", is_flag=True, help="Clear all pending creates, dropping them from the state.")
def refresh(**given: Any) -> None:
    """Refresh the resources in a stack."""
    _deploy("refresh", given)


@command("destroy")
@_common
@_executing
@_refresh
@click.option("--remove", is_flag=True, help="Remove the stack after all its resources have been deleted.")
def destroy(**given: Any) -> None:
    """Destroy all existing resources in a stack."""
    stack = _deploy("destroy", given)
    if given["remove"] and not given["preview_only"]:
        stack.backend.remove(stack.reference)
        stack.workspace.select(None)


@command("import")
@_common
@_executing
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    required=True,
    help="The path to a JSON-encoded file containing a list of resources to import.",
)
@click.option(
    "--protect",
    type=bool,
    is_flag=False,
    flag_value=True,
    default=True,
    help="Protect imported resources from deletion; --protect=false does not.",
)
@click.option("--generate-code", type=bool, is_flag=False, flag_value=True, hidden=True, help="No code is written.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), hidden=True, help="Where no code is written."
)
def import_(**given: Any) -> None:
    """Import existing resources into a stack."""
    try:
        document = json.loads(given["path"].read_text())
    except ValueError as error:
        raise EngineError(f"{given['path']}: {error}") from None
    given["imports"] = list(parse_import_file(document))
    _deploy("resource-import", given)
    if given["out"] is not None:
        given["out"].write_text("# The declarations of imported resources are written by the Pulumi CLI only.\n")


@command("cancel")
@click.argument("name", required=False)
@stack_option
@yes_option
def cancel(name: str | None, stack_name: str | None, yes: bool) -> None:
    """Remove the lock that an interrupted update left on a stack."""
    stack = Workspace.open(Path.cwd()).stack(name or stack_name)
    held = stack.backend.locks(stack.reference)
    if held and not yes and may_ask():
        click.confirm(f"Remove the lock of {held[0]}?", abort=True)
    removed = stack.backend.cancel(stack.reference)
    for lock in removed:
        click.echo(f"The lock of {lock} on stack '{stack.name}' has been removed.")
    if not removed:
        click.echo(f"The stack '{stack.name}' is not locked.")


def _operation(kind: Kind, given: dict[str, Any]) -> Operation:
    options = _options(given)
    options.run_program = kind == "destroy" and given["run_program"]
    if given["run_program"] and (kind == "refresh" or options.refresh):
        raise EngineError("a refresh with --run-program is not supported by pulumi-embedded; use the Pulumi CLI for it")
    return Operation(
        Workspace.open(Path.cwd()).stack(given["stack_name"], given["config_file"]),
        kind,
        options,
        message=given["message"],
        clear_pending_creates=given.get("clear_pending_creates", False),
        client=given["client"],
        event_log=given["event_log"],
    )


def _deploy(kind: Kind, given: dict[str, Any]) -> Stack:
    operation = _operation(kind, given)
    stack = operation.stack
    note = stack.backend.recover(stack.reference)
    if note:
        click.echo(f"warning: {note}", err=True)
    if given["preview_only"]:
        _end(_preview(operation, given), given)
        return stack
    if not given["skip_preview"]:
        if not given["yes"] and not may_ask():
            raise EngineError(
                "--yes or --skip-preview must be passed in to proceed when running in non-interactive mode"
            )
        outcome = _preview(operation, given)
        if outcome.result != "succeeded":
            raise DeploymentFailed
        if not given["yes"] and not click.confirm(f"Do you want to perform this {kind}?"):
            raise EngineError("confirmation declined, not proceeding")
    _end(_execute(operation, given), given)
    return stack


def _preview(operation: Operation, given: dict[str, Any]) -> Outcome:
    if given["as_json"]:
        digest = PreviewDigest()
        operation.listeners = [digest]
        outcome = operation.preview()
        click.echo(json.dumps(digest.document(), indent=4, ensure_ascii=False))
        return outcome
    with _display(operation, given, preview=True):
        return operation.preview()


def _execute(operation: Operation, given: dict[str, Any]) -> Outcome:
    if given["as_json"]:
        stream = EventStream(StandardOutput())
        operation.listeners = [stream]
        outcome = operation.execute()
        stream.close()
        return outcome
    with _display(operation, given, preview=False):
        outcome = operation.execute()
    if operation.kind == "update" and not given["suppress_outputs"]:
        outputs = plain_properties(outcome.outputs) if given["show_secrets"] else outcome.outputs
        StandardOutput().write("".join(f"{line}\n" for line in output_lines(outputs)))
    return outcome


@contextlib.contextmanager
def _display(operation: Operation, given: dict[str, Any], *, preview: bool) -> Generator[None]:
    """Show the operation as a live table in a terminal, and as plain lines elsewhere."""
    name, show_diff = operation.stack.name, given["show_diff"]
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        operation.listeners = [
            PlainDisplay(StandardOutput(), operation.kind, name, preview=preview, show_diff=show_diff)
        ]
        yield
        return
    from pulumi_embedded.display.live import LiveDisplay

    display = LiveDisplay(operation.kind, name, preview=preview, show_diff=show_diff)
    operation.listeners = [display]
    try:
        yield
    finally:
        display.close()


def _end(outcome: Outcome, given: dict[str, Any]) -> None:
    if outcome.result != "succeeded":
        raise DeploymentFailed
    if given["expect_no_changes"] and any(op != "same" and count for op, count in outcome.changes.items()):
        click.echo("error: no changes were expected but changes occurred", err=True)
        raise DeploymentFailed
