"""The resources of a stack while they change: which old ones still stand, which new ones are there, what is under way.

The same bookkeeping serves a running deployment and the rebuilding of one that was killed. A resource is named by a
*place*: `b<i>` for the i-th one of the base snapshot, `e<n>` for the result of the n-th entry.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pulumi_embedded import urn
from pulumi_embedded.storage.snapshot import Operation, OperationType, ResourceState, Snapshot, new_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Ledger:
    """Starts as the base snapshot; each entry changes it; `snapshot` is the state that an engine would write now."""

    def __init__(self, base: Snapshot | None) -> None:
        self._base = base or Snapshot()
        self._old = {f"b{index}": state for index, state in enumerate(self._base.resources)}
        self._new: dict[str, ResourceState] = {}
        self._under_way: dict[int, Operation] = {}
        # The CLI keeps interrupted creates until a refresh resolves them; of other operations, the state itself tells.
        self._unresolved = [operation for operation in self._base.pending_operations if operation.type == "creating"]

    def begin(self, entry: int, type_: OperationType, state: ResourceState) -> None:
        """An operation is about to start; until it ends, it is pending."""
        self._under_way[entry] = Operation(state, type_)

    def end(self, entry: int) -> None:
        """The operation is over, well or not."""
        self._under_way.pop(entry, None)

    def add(self, entry: int, state: ResourceState) -> str:
        """A new state; returns its place."""
        place = f"e{entry}"
        self._new[place] = state
        return place

    def remove(self, place: str) -> None:
        """The resource at this place is gone, or another state has taken over for it."""
        self._old.pop(place, None)
        self._new.pop(place, None)

    def rewrite(self, place: str, state: ResourceState) -> None:
        """The resource at this place has changed its state."""
        for states in (self._old, self._new):
            if place in states:
                states[place] = state

    def resolve(self, resolved_urn: str | None) -> None:
        """Interrupted creates of this URN, or of all, in the base snapshot need nobody's attention any more."""
        self._unresolved = [op for op in self._unresolved if resolved_urn not in (None, op.resource.urn)]

    def snapshot(self) -> Snapshot:
        """All resources, dependencies before dependents, with references to old names and to missing ones put right."""
        base = self._base
        return Snapshot(
            manifest=new_manifest(),
            secrets_providers=base.secrets_providers,
            resources=ordered(without_dangling(with_current_names([*self._new.values(), *self._old.values()]))),
            pending_operations=[*self._under_way.values(), *self._unresolved],
            metadata={key: value for key, value in base.metadata.items() if key != "integrity_error"},
            features=base.features,
            extra=base.extra,
        )


def with_current_names(states: list[ResourceState]) -> list[ResourceState]:
    """The states without aliases: whoever refers to a resource by an earlier URN refers to it by its present one."""
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
    """The states without dependencies on resources that are gone, as a refresh that finds nothing leaves them."""
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
    """The states so that each comes after those it depends on, and otherwise as they came.

    Where two states share a URN, a leaving resource depends on the leaving one, any other on the live one.
    """
    live = {state.urn: state for state in states if not _is_leaving(state)}
    leaving = {state.urn: state for state in states if _is_leaving(state)}
    done: set[int] = set()
    result: list[ResourceState] = []
    for start in states:
        # A depth-first walk with its own stack: chains of dependencies may be longer than Python's.
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
    """A copy with every reference but the parent translated; the empty string drops it."""

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
