"""The resources of a stack during an update: the remaining old ones, the new ones, and the operations in progress.

A running update and the recovery of an interrupted one use the same ledger. A *place* names a resource: `b<i>` is the
i-th one of the base snapshot, `e<n>` the result of the n-th entry.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pulumi_embedded import urn
from pulumi_embedded.storage.snapshot import Operation, OperationType, ResourceState, Snapshot, new_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Ledger:
    """Starts with the base snapshot; each entry of the journal changes it; `snapshot` returns the current state."""

    def __init__(self, base: Snapshot | None) -> None:
        self._base = base or Snapshot()
        self._old = {f"b{index}": state for index, state in enumerate(self._base.resources)}
        self._new: dict[str, ResourceState] = {}
        self._in_progress: dict[int, Operation] = {}
        # As the CLI, keep pending creates until a refresh resolves them; other operations need no resolution.
        self._unresolved = [operation for operation in self._base.pending_operations if operation.type == "creating"]

    def begin(self, entry: int, type_: OperationType, state: ResourceState) -> None:
        """Add an operation, which is pending until it ends."""
        self._in_progress[entry] = Operation(state, type_)

    def end(self, entry: int) -> None:
        """Remove an operation that succeeded or failed."""
        self._in_progress.pop(entry, None)

    def add(self, entry: int, state: ResourceState) -> str:
        """Add a new state; returns its place."""
        place = f"e{entry}"
        self._new[place] = state
        return place

    def remove(self, place: str) -> None:
        """Remove the state at this place."""
        self._old.pop(place, None)
        self._new.pop(place, None)

    def rewrite(self, place: str, state: ResourceState) -> None:
        """Replace the state at this place."""
        for states in (self._old, self._new):
            if place in states:
                states[place] = state

    def resolve(self, resolved_urn: str | None) -> None:
        """Remove the pending creates of the base snapshot: those of this URN, or all."""
        self._unresolved = [op for op in self._unresolved if resolved_urn not in (None, op.resource.urn)]

    def snapshot(self) -> Snapshot:
        """The current state: dependencies before dependents, without references to old URNs or missing resources."""
        base = self._base
        return Snapshot(
            manifest=new_manifest(),
            secrets_providers=base.secrets_providers,
            resources=ordered(without_dangling(with_current_names([*self._new.values(), *self._old.values()]))),
            pending_operations=[*self._in_progress.values(), *self._unresolved],
            metadata={key: value for key, value in base.metadata.items() if key != "integrity_error"},
            features=base.features,
            extra=base.extra,
        )


def with_current_names(states: list[ResourceState]) -> list[ResourceState]:
    """The states without aliases: references to earlier URNs become references to the present ones."""
    if not any(state.aliases for state in states):
        return states
    taken = {state.urn for state in states}
    current = {alias: state.urn for state in states for alias in state.aliases if alias not in taken}
    for state in ordered(states):
        parent = current.get(state.parent)
        if parent is not None:
            stack, project = state.urn.split(":", 3)[2], state.urn.split("::", 2)[1]
            renamed = urn.make(stack, project, parent, state.type, urn.name_of(state.urn))
            if renamed != state.urn:
                current.setdefault(state.urn, renamed)

    def present(name: str) -> str:
        return current.get(name, name)

    return [
        dataclasses.replace(_with_references(state, present), urn=present(state.urn), aliases=[]) for state in states
    ]


def without_dangling(states: list[ResourceState]) -> list[ResourceState]:
    """The states without dependencies on resources that do not exist, such as those that a refresh did not find."""
    known = {state.urn for state in states}
    if all(dependency in known for state in states for dependency in state.dependency_urns):
        return states
    root = next((state.urn for state in states if state.type == urn.ROOT_TYPE), "")

    def kept(name: str) -> str:
        return name if name in known else ""

    return [
        state
        if all(dependency in known for dependency in state.dependency_urns)
        else dataclasses.replace(_with_references(state, kept), parent=kept(state.parent) or (state.parent and root))
        for state in states
    ]


def ordered(states: list[ResourceState]) -> list[ResourceState]:
    """The states in an order in which each comes after its dependencies, and otherwise unchanged.

    If two states share a URN, resources that are being replaced or deleted depend on the one that is, others on the
    live one.
    """
    live = {state.urn: state for state in states if not _is_leaving(state)}
    leaving = {state.urn: state for state in states if _is_leaving(state)}
    done: set[int] = set()
    result: list[ResourceState] = []
    for start in states:
        # A depth-first search with an explicit stack: chains of dependencies may exceed Python's recursion limit.
        path = [(start, iter(_before(start, live, leaving)))]
        begun = {id(start)}
        while path:
            state, rest = path[-1]
            dependency = next((d for d in rest if id(d) not in done and id(d) not in begun), None)
            if dependency is not None:
                begun.add(id(dependency))
                path.append((dependency, iter(_before(dependency, live, leaving))))
            else:
                path.pop()
                if id(state) not in done:
                    done.add(id(state))
                    result.append(state)
    return result


def _before(
    state: ResourceState, live: dict[str, ResourceState], leaving: dict[str, ResourceState]
) -> Iterable[ResourceState]:
    first, second = (leaving, live) if _is_leaving(state) else (live, leaving)
    for name in state.dependency_urns:
        dependency = first.get(name) or second.get(name)
        if dependency is not None and dependency is not state:
            yield dependency


def _is_leaving(state: ResourceState) -> bool:
    return state.delete or state.pending_replacement


def _with_references(state: ResourceState, translate: Callable[[str], str]) -> ResourceState:
    """A copy with its references translated; those that become empty are removed."""

    def many(names: list[str]) -> list[str]:
        return [translated for name in names if (translated := translate(name))]

    provider = state.provider
    if provider:
        provider_urn, identifier = urn.split_reference(provider)
        provider = urn.reference(translate(provider_urn) or provider_urn, identifier)
    return dataclasses.replace(
        state,
        parent=translate(state.parent) if state.parent else "",
        dependencies=many(state.dependencies),
        property_dependencies={key: many(names) for key, names in state.property_dependencies.items()},
        provider=provider,
        deleted_with=translate(state.deleted_with) if state.deleted_with else "",
        replace_with=many(state.replace_with),
        view_of=translate(state.view_of) if state.view_of else "",
    )
