"""`state unprotect` and `state delete`: edits of the state that touch no resource."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pulumi_embedded.commands.command import command
from pulumi_embedded.commands.workspace import Stack, Workspace
from pulumi_embedded.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_embedded.storage.snapshot import Snapshot

_stack = click.option("-s", "--stack", "stack_name", help="The stack; else the selected one.")
_yes = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")


def add_to(main: click.Group) -> None:
    """Register the commands."""

    @main.group("state")
    def state() -> None:
        """Edit the state of a stack."""

    @command(state, "unprotect")
    @click.argument("urn", required=False)
    @click.option("--all", "all_", is_flag=True, help="Every resource.")
    @_stack
    @_yes
    def unprotect(urn: str | None, all_: bool, stack_name: str | None, yes: bool) -> None:
        """Let a resource be deleted and replaced."""

        def edit(snapshot: Snapshot) -> None:
            chosen = [r for r in snapshot.resources if all_ or r.urn == urn]
            if not chosen:
                raise StateError(f"no such resource {urn!r} exists in the current state")
            for resource in chosen:
                resource.protect = False

        _edit(Workspace.open(Path.cwd()).stack(stack_name), edit)
        click.echo("All resources unprotected" if all_ else "Resource unprotected")

    @command(state, "delete")
    @click.argument("urn")
    @click.option("--force", is_flag=True, help="Even if it is protected.")
    @_stack
    @_yes
    def delete(urn: str, force: bool, stack_name: str | None, yes: bool) -> None:
        """Forget a resource without deleting it."""

        def edit(snapshot: Snapshot) -> None:
            gone = [r for r in snapshot.resources if r.urn == urn]
            if not gone:
                raise StateError(f"no such resource {urn!r} exists in the current state")
            if any(r.protect for r in gone) and not force:
                raise StateError(f"{urn} is protected; run `state unprotect` first, or pass --force")
            needed = [r.urn for r in snapshot.resources if r.urn != urn and urn in r.dependency_urns]
            if needed:
                raise StateError(f"{urn} cannot be forgotten: {', '.join(needed)} depend on it")
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
