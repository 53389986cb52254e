"""`state` and its subcommands, which edit the state without touching any resource."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pulumi_embedded import urn as urns
from pulumi_embedded.commands.command import command, stack_option, yes_option
from pulumi_embedded.commands.forgiving import ForgivingGroup
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.errors import StateError
from pulumi_embedded.storage.renamed_resources import rename_resource

if TYPE_CHECKING:
    from pulumi_embedded.storage.snapshot import ResourceState, Snapshot

_urns_argument = click.argument("chosen", metavar="[URN]...", nargs=-1)


@command("protect")
@_urns_argument
@click.option("--all", "all_", is_flag=True, help="Protect all resources in the state.")
@stack_option
@yes_option
def protect(chosen: tuple[str, ...], all_: bool, stack_name: str | None, yes: bool) -> None:
    """Protect resources in a stack's state, until the next update of a program that does not."""
    _mark(stack_name, chosen, all_, "protected", lambda state: setattr(state, "protect", True))


@command("unprotect")
@_urns_argument
@click.option("--all", "all_", is_flag=True, help="Unprotect all resources in the state.")
@stack_option
@yes_option
def unprotect(chosen: tuple[str, ...], all_: bool, stack_name: str | None, yes: bool) -> None:
    """Unprotect resources in a stack's state."""
    _mark(stack_name, chosen, all_, "unprotected", lambda state: setattr(state, "protect", False))


@command("taint")
@_urns_argument
@stack_option
@yes_option
def taint(chosen: tuple[str, ...], stack_name: str | None, yes: bool) -> None:
    """Taint resources in a stack's state: the next update replaces them."""
    _mark(stack_name, chosen, False, "tainted", lambda state: setattr(state, "taint", True))


@command("untaint")
@_urns_argument
@click.option("--all", "all_", is_flag=True, help="Untaint all resources in the state.")
@stack_option
@yes_option
def untaint(chosen: tuple[str, ...], all_: bool, stack_name: str | None, yes: bool) -> None:
    """Untaint resources in a stack's state."""
    _mark(stack_name, chosen, all_, "untainted", lambda state: setattr(state, "taint", False))


def _mark(
    stack_name: str | None, chosen: tuple[str, ...], all_: bool, done: str, mark: Callable[[ResourceState], None]
) -> None:
    if not chosen and not all_:
        raise StateError("no resource is named; pass the URNs that `stack --show-urns` prints")

    def edit(snapshot: Snapshot) -> None:
        by_urn = {state.urn: state for state in snapshot.resources if not state.delete}
        for urn in by_urn if all_ else chosen:
            if urn not in by_urn:
                raise _not_found(urn)
            mark(by_urn[urn])

    _edit(Workspace.open(Path.cwd()).stack(stack_name), edit)
    click.echo(f"All resources {done}" if all_ else f"{len(chosen)} resources {done}")


@command("rename")
@click.argument("urn")
@click.argument("new_name")
@stack_option
@yes_option
def rename(urn: str, new_name: str, stack_name: str | None, yes: bool) -> None:
    """Rename a resource in a stack's state, and wherever the state refers to it."""

    def edit(snapshot: Snapshot) -> None:
        found = [state for state in snapshot.resources if state.urn == urn]
        if not found:
            raise _not_found(urn)
        if len(found) > 1:
            raise StateError("The input URN ambiguously refers to multiple resources")
        new = urns.renamed(urn, new_name)
        if new != urn and any(state.urn == new for state in snapshot.resources):
            raise StateError("The chosen new urn for the state corresponds to an already existing resource")
        rename_resource(snapshot, urn, new)

    _edit(Workspace.open(Path.cwd()).stack(stack_name), edit)
    click.echo("Resource renamed")


@command("delete")
@click.argument("urn")
@click.option("--force", is_flag=True, help="Delete it from the state even if it is protected.")
@stack_option
@yes_option
def delete(urn: str, force: bool, stack_name: str | None, yes: bool) -> None:
    """Delete a resource from a stack's state, not from the cloud."""

    def edit(snapshot: Snapshot) -> None:
        deleted = [r for r in snapshot.resources if r.urn == urn]
        if not deleted:
            raise _not_found(urn)
        if any(r.protect for r in deleted) and not force:
            raise StateError(f"{urn} is protected; run `state unprotect` first, or pass --force")
        dependents = [r.urn for r in snapshot.resources if r.urn != urn and urn in r.dependency_urns]
        if dependents:
            raise StateError(f"{urn} cannot be deleted from the state: {', '.join(dependents)} depend on it")
        snapshot.resources = [r for r in snapshot.resources if r.urn != urn]

    _edit(Workspace.open(Path.cwd()).stack(stack_name), edit)
    click.echo("Resource deleted")


def _not_found(urn: str) -> StateError:
    return StateError(f"no such resource {urn!r} exists in the current state")


def _edit(stack: Stack, edit: Callable[[Snapshot], None]) -> None:
    with stack.backend.lock(stack.reference):
        stack.backend.recover(stack.reference)
        snapshot = stack.load()
        if snapshot is None:
            raise StateError(f"the stack '{stack.name}' has no resources")
        edit(snapshot)
        stack.backend.save(stack.reference, snapshot, stack.crypter_if_any())


state = ForgivingGroup(
    "state",
    help="Edit a stack's state.",
    commands=[protect, unprotect, taint, untaint, rename, delete],
    other_names={"remove": "delete", "rm": "delete"},
)
