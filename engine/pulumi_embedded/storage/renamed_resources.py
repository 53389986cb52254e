"""Gives a resource of a state another URN, there and wherever the state refers to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_embedded.storage.snapshot import ResourceState, Snapshot


def rename_resource(snapshot: Snapshot, old: str, new: str) -> None:
    """Change one URN into another; `new` must not be in the state."""
    for state in (*snapshot.resources, *(operation.resource for operation in snapshot.pending_operations)):
        _rename(state, old, new)


def _rename(state: ResourceState, old: str, new: str) -> None:
    def renamed(urn: str) -> str:
        return new if urn == old else urn

    state.urn, state.parent = renamed(state.urn), renamed(state.parent)
    state.deleted_with, state.view_of = renamed(state.deleted_with), renamed(state.view_of)
    state.dependencies = [renamed(urn) for urn in state.dependencies]
    state.replace_with = [renamed(urn) for urn in state.replace_with]
    state.property_dependencies = {
        key: [renamed(urn) for urn in dependencies] for key, dependencies in state.property_dependencies.items()
    }
    urn, separator, id_ = state.provider.rpartition("::")
    state.provider = renamed(urn) + separator + id_
