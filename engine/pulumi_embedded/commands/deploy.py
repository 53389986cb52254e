"""`preview`, `up`, `refresh`, `destroy` and `cancel`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pulumi_embedded.commands.command import FAILED, Fail, command, shared
from pulumi_embedded.commands.operation import Operation
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.deployment.target import Kind, Outcome
from pulumi_embedded.display.json_events import EventStream, PreviewDigest
from pulumi_embedded.display.plain import PlainDisplay, output_lines
from pulumi_embedded.display.stdout import PatientOutput
from pulumi_embedded.errors import EngineError
from pulumi_embedded.steps.imports import parse_import_file
from pulumi_embedded.steps.options import Options
from pulumi_embedded.steps.targets import Targets
from pulumi_embedded.values import plain_properties

if TYPE_CHECKING:
    from collections.abc import Generator

_stack = click.option("-s", "--stack", "stack_name", help="The stack; else the selected one.")
_json = click.option("-j", "--json", "as_json", is_flag=True, help="JSON in the CLI's shapes.")
_diff = click.option("--diff", "show_diff", is_flag=True, help="Show what changes, property by property.")
_yes = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
_skip_preview = click.option("-f", "--skip-preview", is_flag=True, help="Do it without looking first.")
_preview_only = click.option("--preview-only", is_flag=True, help="Only look.")
_parallel = click.option(
    "-p", "--parallel", type=click.IntRange(0), default=0, help="At most so many operations at once."
)
_refresh = click.option("-r", "--refresh", "refresh", is_flag=True, help="Read all resources first.")
_target = click.option("-t", "--target", "targets", multiple=True, help="Only this URN (`*` and `**` match).")
_target_dependents = click.option("--target-dependents", is_flag=True, help="And what depends on it.")
_replace = click.option("--replace", "replaces", multiple=True, help="Replace this URN whatever differs.")
_continue = click.option(
    "--continue-on-error", is_flag=True, help="After a failure, go on with what does not depend on it."
)
_no_changes = click.option("--expect-no-changes", is_flag=True, help="Fail if anything would change.")
_message = click.option("-m", "--message", default="", help="Goes into the history.")
_show_secrets = click.option("--show-secrets", is_flag=True, help="Show secrets in the clear.")
_policy = click.option("--policy-pack", "policy_packs", multiple=True, hidden=True)
_color = click.option("--color", type=click.Choice(["auto", "always", "never", "raw"]), hidden=True)

_common = shared(
    _stack, _json, _diff, _parallel, _target, _target_dependents, _continue, _no_changes, _show_secrets, _policy, _color
)
_executing = shared(_yes, _skip_preview, _preview_only, _message)


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


def add_to(group: click.Group) -> None:
    """Register the commands."""

    @command(group)
    @_common
    @_refresh
    @_replace
    def preview(**given: Any) -> None:
        """Show what `up` would do."""
        stack = Workspace.open(Path.cwd()).stack(given["stack_name"])
        _end(_preview(Operation(stack, "update", _options(given)), given), given)

    @command(group, "up")
    @_common
    @_executing
    @_refresh
    @_replace
    def up(**given: Any) -> None:
        """Bring the stack to what the program declares."""
        _deploy("update", given)

    @command(group, "refresh")
    @_common
    @_executing
    @click.option("--clear-pending-creates", is_flag=True, help="Forget creates that were interrupted.")
    def refresh(**given: Any) -> None:
        """Bring the state up to date with the world."""
        _deploy("refresh", given)

    @command(group, "destroy")
    @_common
    @_executing
    @_refresh
    @click.option("--remove", is_flag=True, help="Remove the stack afterwards.")
    def destroy(**given: Any) -> None:
        """Delete every resource of the stack."""
        stack = _deploy("destroy", given)
        if given["remove"] and not given["preview_only"]:
            stack.backend.remove(stack.reference)
            stack.workspace.select(None)

    @command(group, "import")
    @_common
    @_executing
    @click.option(
        "--file", "path", type=click.Path(dir_okay=False, exists=True, path_type=Path), required=True, help="The list."
    )
    @click.option(
        "--protect",
        type=bool,
        is_flag=False,
        flag_value=True,
        default=True,
        help="Protect what is imported (=false: do not).",
    )
    @click.option("--generate-code", type=bool, is_flag=False, flag_value=True, hidden=True, help="No code is written.")
    def import_(**given: Any) -> None:
        """Take existing resources into the state, from a list of them."""
        try:
            document = json.loads(given["path"].read_text())
        except ValueError as error:
            raise EngineError(f"{given['path']}: {error}") from None
        given["imports"] = list(parse_import_file(document))
        _deploy("resource-import", given)

    @command(group, "cancel")
    @click.argument("name", required=False)
    @_stack
    @_yes
    def cancel(name: str | None, stack_name: str | None, yes: bool) -> None:
        """Remove the lock that a killed engine left."""
        stack = Workspace.open(Path.cwd()).stack(name or stack_name)
        held = stack.backend.locks(stack.reference)
        if held and not yes and sys.stdin.isatty():
            click.confirm(f"Remove the lock of {held[0]}?", abort=True)
        removed = stack.backend.cancel(stack.reference)
        for lock in removed:
            click.echo(f"The lock of {lock} on stack '{stack.name}' has been removed.")
        if not removed:
            click.echo(f"The stack '{stack.name}' is not locked.")


def _deploy(kind: Kind, given: dict[str, Any]) -> Stack:
    stack = Workspace.open(Path.cwd()).stack(given["stack_name"])
    operation = Operation(
        stack,
        kind,
        _options(given),
        message=given["message"],
        clear_pending_creates=given.get("clear_pending_creates", False),
    )
    note = stack.backend.recover(stack.reference)
    if note:
        click.echo(f"warning: {note}", err=True)
    if given["preview_only"]:
        _end(_preview(operation, given), given)
        return stack
    if not given["skip_preview"]:
        if not given["yes"] and not sys.stdin.isatty():
            raise EngineError("--yes or --skip-preview must be passed when there is no terminal to ask in")
        outcome = _preview(operation, given)
        if outcome.result != "succeeded":
            raise Fail(FAILED)
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
        stream = EventStream(PatientOutput())
        operation.listeners = [stream]
        outcome = operation.execute()
        stream.close()
        return outcome
    with _display(operation, given, preview=False):
        outcome = operation.execute()
    if operation.kind == "update":
        outputs = plain_properties(outcome.outputs) if given["show_secrets"] else outcome.outputs
        PatientOutput().write("".join(f"{line}\n" for line in output_lines(outputs)))
    return outcome


@contextlib.contextmanager
def _display(operation: Operation, given: dict[str, Any], *, preview: bool) -> Generator[None]:
    """A live table in a terminal, plain lines elsewhere."""
    name, show_diff = operation.stack.name, given["show_diff"]
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        operation.listeners = [
            PlainDisplay(PatientOutput(), operation.kind, name, preview=preview, show_diff=show_diff)
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
        raise Fail(FAILED)
    if given["expect_no_changes"] and any(op != "same" and count for op, count in outcome.changes.items()):
        click.echo("error: no changes were expected but changes occurred", err=True)
        raise Fail(FAILED)
