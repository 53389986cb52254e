"""`preview`, `up`, `refresh`, `destroy`, `import` and `cancel`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from pulumi_embedded.commands.command import DeploymentFailed, command, json_option, may_ask, stack_option, yes_option
from pulumi_embedded.commands.display_flags import accept_display_flags
from pulumi_embedded.commands.exit_codes import NotConfirmed, UnexpectedChanges
from pulumi_embedded.commands.operation import Operation
from pulumi_embedded.commands.presentation import confirm, execute_shown, preview_shown
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.deployment.target import Kind, Outcome
from pulumi_embedded.errors import EngineError, StackNotFound
from pulumi_embedded.steps.dependencies import DependencyGraph
from pulumi_embedded.steps.imports import import_document, parse_import_file
from pulumi_embedded.steps.options import Options
from pulumi_embedded.steps.targets import Targets
from pulumi_embedded.storage.project import Project

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
    "-r",
    "--refresh",
    "refresh",
    is_flag=True,
    default=None,
    help="Refresh the state of the stack's resources first; by default as `options.refresh` in Pulumi.yaml says.",
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
_exclude = click.option(
    "-x",
    "--exclude",
    "excludes",
    multiple=True,
    help="Do not operate on the resource with this URN; may be repeated. The wildcards * and ** are supported.",
)
_exclude_dependents = click.option(
    "--exclude-dependents", is_flag=True, help="Exclude also the resources that depend on an --exclude."
)
_target_replace = click.option(
    "--target-replace",
    "target_replaces",
    multiple=True,
    help="Replace the resource with this URN, and operate on no other: --target and --replace in one.",
)
_replace = click.option(
    "--replace", "replaces", multiple=True, help="Replace the resource with this URN even if nothing differs."
)
_continue = click.option(
    "--continue-on-error", is_flag=True, help="Continue with independent resources after an error."
)
_run_program = click.option(
    "--run-program",
    is_flag=True,
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
_config = click.option(
    "-c",
    "--config",
    "config",
    multiple=True,
    metavar="KEY=VALUE",
    help="Config to use during the operation and save to the stack's config file; may be repeated.",
)
_config_path = click.option("--config-path", is_flag=True, help="The keys of --config are paths.")


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
    _exclude,
    _continue,
    _no_changes,
    _message,
    _show_secrets,
    _suppress_outputs,
    _run_program,
    _policy,
    _config,
    _config_path,
    _config_file,
    _client,
    _event_log,
    accept_display_flags,
)
_executing = _all_of(yes_option, _skip_preview, _preview_only)


def _save_config(stack: Stack, given: dict[str, Any]) -> None:
    for pair in given["config"]:
        key, _, value = pair.partition("=")
        stack.config.set(key, value, None, path=given["config_path"])
    if given["config"]:
        stack.config.save()


def _options(given: dict[str, Any], project: Project) -> Options:
    if given.get("policy_packs"):
        raise EngineError("policy packs are not supported by pulumi-embedded; run them with the Pulumi CLI")
    if given["targets"] and given.get("excludes"):
        raise EngineError("--target and --exclude cannot be used together")
    both = given.get("target_replaces", ())
    targets, replaces = (*given["targets"], *both), (*given.get("replaces", ()), *both)
    excludes = given.get("excludes", ())
    return Options(
        preview=True,
        parallel=given["parallel"],
        refresh=project.refresh_always if given.get("refresh") is None else given["refresh"],
        continue_on_error=given["continue_on_error"],
        targets=Targets(targets) if targets else None,
        target_dependents=given["target_dependents"],
        excludes=Targets(excludes) if excludes else None,
        exclude_dependents=given.get("exclude_dependents", False),
        replace_targets=Targets(replaces) if replaces else None,
        imports=given.get("imports", ()),
        protect_imports=given.get("protect", True),
    )


@command("preview")
@_common
@_refresh
@_replace
@_target_replace
@_exclude_dependents
def preview(**given: Any) -> None:
    """Show a preview of updates to a stack's resources."""
    outcome, _ = preview_shown(_operation("update", given), given)
    _end(outcome, given)


@command("up")
@_common
@_executing
@_refresh
@_replace
@_target_replace
@_exclude_dependents
def up(**given: Any) -> None:
    """Create or update the resources in a stack."""
    _deploy("update", given)


@command("refresh")
@_common
@_executing
@_exclude_dependents
@click.option("--clear-pending-creates", is_flag=True, help="Clear all pending creates, dropping them from the state.")
def refresh(**given: Any) -> None:
    """Refresh the resources in a stack."""
    _deploy("refresh", given)


@command("destroy")
@_common
@_executing
@_refresh
@click.option("--exclude-protected", is_flag=True, help="Destroy all resources but those that are protected.")
@click.option("--remove", is_flag=True, help="Remove the stack after all its resources have been deleted.")
def destroy(**given: Any) -> None:
    """Destroy all existing resources in a stack."""
    if given["exclude_protected"]:
        _destroy_unprotected(given)
        return
    stack = _deploy("destroy", given)
    if not given["preview_only"] and not given["targets"]:
        _after_destroy(stack, given)


def _destroy_unprotected(given: dict[str, Any]) -> None:
    if given["targets"]:
        raise EngineError("--target and --exclude-protected cannot be used together")
    stack = Workspace.open(Path.cwd()).stack(given["stack_name"])
    _recover(stack)
    snapshot = stack.load()
    if snapshot is None:
        raise StackNotFound(f"the stack '{stack.name}' has no state yet")
    protected = [state for state in snapshot.resources if state.protect]
    kept = DependencyGraph(snapshot.resources).closure(protected, dependencies=True)
    rest = f"{len(kept)} resources that are protected, or that protected ones need, are still in the stack"
    if kept and all(state.urn in kept for state in snapshot.resources):
        _say(given, f"There are no unprotected resources to destroy; {rest}.")
        return
    given["excludes"] = (*given["excludes"], *kept)
    _deploy("destroy", given)
    if given["preview_only"]:
        return
    if kept:
        _say(given, f"All unprotected resources were destroyed; {rest}.")
    else:
        _after_destroy(stack, given)


def _after_destroy(stack: Stack, given: dict[str, Any]) -> None:
    """Remove the stack and its config file, if that was asked for, and say whether they are still there."""
    if given["remove"]:
        stack.backend.remove(stack.reference)
        stack.config.path.unlink(missing_ok=True)
        if stack.workspace.selected == stack.name:
            stack.workspace.select(None)
        _say(given, "The resources in the stack have been deleted, and the history and configuration removed.")
        return
    _say(
        given,
        "The resources in the stack have been deleted, but the history and configuration associated with the stack are "
        "still maintained.\nIf you want to remove the stack completely, run `pulumi-embedded stack rm "
        f"{stack.name}`.",
    )


def _say(given: dict[str, Any], line: str) -> None:
    if not given["as_json"]:
        click.echo(line)


@command("import")
@click.argument("type_", metavar="[TYPE]", required=False)
@click.argument("name", required=False)
@click.argument("id_", metavar="[ID]", required=False)
@_common
@_executing
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The path to a JSON-encoded file containing a list of resources to import.",
)
@click.option("--parent", metavar="NAME=URN", help="The name and URN of the parent resource.")
@click.option("--provider", metavar="NAME=URN", help="The name and URN of the provider to use.")
@click.option("--properties", default="", help="The inputs to keep, separated by commas.")
@click.option(
    "--protect/--no-protect",
    default=True,
    help="Protect imported resources from deletion; --protect=false does not.",
)
@click.option("--generate-code", is_flag=True, hidden=True, help="No code is written.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), hidden=True, help="Where no code is written."
)
def import_(**given: Any) -> None:
    """Import the existing resource of a TYPE and an ID as NAME, or those that a file lists, into a stack."""
    given["imports"] = parse_import_file(_import_document(given))
    _deploy("resource-import", given)
    if given["out"] is not None:
        given["out"].write_text("# The declarations of imported resources are written by the Pulumi CLI only.\n")


def _import_document(given: dict[str, Any]) -> object:
    type_, name, id_, path = given["type_"], given["name"], given["id_"], given["path"]
    if path is not None:
        if type_ is not None:
            raise EngineError("pass either --file or TYPE NAME ID, not both")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise EngineError(f"{path}: {error}") from None
    if id_ is None:
        raise EngineError("pass the TYPE, NAME and ID of the resource to import, or a list of resources with --file")
    return import_document(type_, name, id_, given["parent"], given["provider"], given["properties"])


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
    stack = Workspace.open(Path.cwd()).stack(given["stack_name"], given["config_file"])
    _save_config(stack, given)
    options = _options(given, stack.workspace.project)
    options.run_program = kind == "destroy" and given["run_program"]
    if given["run_program"] and (kind == "refresh" or options.refresh):
        raise EngineError("a refresh with --run-program is not supported by pulumi-embedded; use the Pulumi CLI for it")
    return Operation(
        stack,
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
    _recover(stack)
    if given["preview_only"]:
        outcome, _ = preview_shown(operation, given)
        _end(outcome, given)
        return stack
    if not given["skip_preview"]:
        if not given["yes"] and not may_ask():
            raise NotConfirmed(
                "--yes or --skip-preview or --preview-only must be passed in to proceed when running in "
                "non-interactive mode"
            )
        outcome, details = preview_shown(operation, given)
        if outcome.result != "succeeded":
            raise DeploymentFailed
        if not given["yes"]:
            confirm(kind, [] if given["show_diff"] else details)
    _end(execute_shown(operation, given), given)
    return stack


def _recover(stack: Stack) -> None:
    note = stack.backend.recover(stack.reference)
    if note:
        click.echo(f"warning: {note}", err=True)


def _end(outcome: Outcome, given: dict[str, Any]) -> None:
    if outcome.result != "succeeded":
        raise DeploymentFailed
    if given["expect_no_changes"] and any(op != "same" and count for op, count in outcome.changes.items()):
        raise UnexpectedChanges("no changes were expected, but there are some")
