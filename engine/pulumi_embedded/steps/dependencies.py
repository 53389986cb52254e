"""The dependency graph of the resources in the old state."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from pulumi_embedded.storage.snapshot import ResourceState


class DependencyGraph:
    """Built in time linear in the state; a query takes time in proportion to its answer."""

    def __init__(self, states: Iterable[ResourceState]) -> None:
        self._position: dict[int, int] = {}
        self._dependents: defaultdict[str, list[ResourceState]] = defaultdict(list)
        self._children: defaultdict[str, list[ResourceState]] = defaultdict(list)
        self._by_urn: defaultdict[str, list[ResourceState]] = defaultdict(list)
        for position, state in enumerate(states):
            self._position[id(state)] = position
            self._by_urn[state.urn].append(state)
            for urn in {*state.dependency_urns} - {state.parent}:
                self._dependents[urn].append(state)
            if state.parent:
                self._children[state.parent].append(state)

    def __contains__(self, state: ResourceState) -> bool:
        return id(state) in self._position

    def depending_on(
        self, root: ResourceState, ignore: Container[str], *, children: bool = False
    ) -> list[ResourceState]:
        """The resources that depend on `root` directly or indirectly, dependencies first.

        Those in `ignore`, and what depends on `root` only through them, are left out. `children` includes the children.
        """
        found: dict[int, ResourceState] = {}
        open_ = [root]
        while open_:
            state = open_.pop()
            for dependent in self.directly_on(state, children=children):
                if id(dependent) not in found and dependent.urn not in ignore:
                    found[id(dependent)] = dependent
                    open_.append(dependent)
        return sorted(found.values(), key=lambda state: self._position[id(state)])

    def closure(
        self, roots: Iterable[ResourceState], *, dependents: bool = False, dependencies: bool = False
    ) -> set[str]:
        """The URNs of these resources and, step by step, of what depends on them (children too) or what they need."""
        found: dict[int, ResourceState] = {}
        open_ = list(roots)
        while open_:
            state = open_.pop()
            if id(state) in found:
                continue
            found[id(state)] = state
            if dependents:
                open_ += self.directly_on(state, children=True)
            if dependencies:
                open_ += [other for urn in state.dependency_urns for other in self._by_urn.get(urn, ())]
        return {state.urn for state in found.values()}

    def directly_on(self, state: ResourceState, *, children: bool = False) -> list[ResourceState]:
        """The later resources that name this one as a dependency, their provider or, with `children`, their parent."""
        candidates = self._dependents.get(state.urn, []) + (self._children.get(state.urn, []) if children else [])
        own = self._position.get(id(state), -1)
        return [candidate for candidate in candidates if self._position[id(candidate)] > own]
