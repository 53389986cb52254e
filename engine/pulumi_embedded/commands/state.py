"""`state unprotect` and `state delete`: edit the state without touching any resource."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pulumi_embedded.commands.command import command, stack_option, yes_option
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_embedded.storage.snapshot import Snapshot


@command("unprotect")
@click.argument("urn", required=False)
@click.option("--all", "all_", is_flag=True, help="Unprotect all resources in the state.")
@stack_option
@yes_option
def unprotect(urn: str | None, all_: bool, stack_name: str | None, yes: bool) -> None:
    """Unprotect resources in a stack's state."""

    def edit(snapshot: Snapshot) -> None:
        chosen = [r for r in snapshot.resources if all_ or r.urn == urn]
        if not chosen:
            raise StateError(f"no such resource {urn!r} exists in the current state")
        for resource in chosen:
            resource.protect = False

    _edit(Workspace.open(Path.cwd()).stack(stack_name), edit)
    click.echo("All resources unprotected" if all_ else "Resource unprotected")


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
            raise StateError(f"no such resource {urn!r} exists in the current state")
        if any(r.protect for r in deleted) and not force:
            raise StateError(f"{urn} is protected; run `state unprotect` first, or pass --force")
        dependents = [r.urn for r in snapshot.resources if r.urn != urn and urn in r.dependency_urns]
        if dependents:
            raise StateError(f"{urn} cannot be deleted from the state: {', '.join(dependents)} depend on it")
        snapshot.resources = [r for r in snapshot.resources if r.urn != urn]

    _edit(Workspace.open(Path.cwd()).stack(stack_name), edit)
    click.echo("Resource deleted")


def _edit(stack: Stack, edit: Callable[[Snapshot], None]) -> None:
    with stack.backend.lock(stack.reference):
        stack.backend.recover(stack.reference)
        snapshot = stack.load()
        if snapshot is None:
            raise StateError(f"the stack '{stack.name}' has no resources")
        edit(snapshot)
        stack.backend.save(stack.reference, snapshot, stack.crypter_if_any())


state = click.Group("state", help="Edit a stack's state.", commands=[unprotect, delete])
