"""Which resources a deployment operates on: those that `--target` and `--exclude` select."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from pulumi_embedded.steps.dependencies import DependencyGraph
    from pulumi_embedded.steps.options import Options
    from pulumi_embedded.storage.snapshot import ResourceState


@dataclass(slots=True)
class Selection:
    """The resources of one deployment that `--target` and `--exclude` select; all of them without these options.

    Where both are given, `--target` counts.
    """

    options: Options
    _dependents: set[str] = field(default_factory=set[str])
    """The resources that count as targeted, or as excluded, because they depend on such a one."""

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self.options.targets is None and self.options.excludes is None

    # --- resources that the program declares -------------------------------------------------------------------------

    def includes(self, state: ResourceState) -> bool:
        """Whether the deployment operates on a declared resource; it always does on providers and the stack itself."""
        if self.everything or urns.is_provider_type(state.type) or state.type == urns.ROOT_TYPE:
            return True
        if self.options.targets is not None:
            return self._is_targeted(state)
        return not self._is_excluded(state)

    def extend_to_dependents(self, state: ResourceState) -> None:
        """Let what depends on this declared resource share its fate, where the options say so.

        A provider and the stack itself, which are always operated on, pass nothing on unless they are named.
        """
        options = self.options
        if (options.targets is not None and options.target_dependents and self._is_targeted(state)) or (
            options.targets is None and options.exclude_dependents and self._is_excluded(state)
        ):
            self._dependents.add(state.urn)

    def _is_targeted(self, state: ResourceState) -> bool:
        targets = self.options.targets
        return (targets is not None and state.urn in targets) or (
            self.options.target_dependents and any(urn in self._dependents for urn in state.dependency_urns)
        )

    def _is_excluded(self, state: ResourceState) -> bool:
        excludes = self.options.excludes
        return (excludes is not None and state.urn in excludes) or (
            self.options.exclude_dependents and any(urn in self._dependents for urn in state.dependency_urns)
        )

    # --- resources of the old state ----------------------------------------------------------------------------------

    def to_refresh(self, states: Iterable[ResourceState]) -> list[ResourceState]:
        """The resources to read. As in Pulumi, the use of a provider makes no dependent here."""
        options = self.options
        if self.everything:
            return list(states)
        named = options.targets if options.targets is not None else options.excludes
        with_dependents = options.target_dependents if options.targets is not None else options.exclude_dependents
        assert named is not None
        found: set[str] = set()
        chosen: list[ResourceState] = []
        for state in states:
            is_named = state.urn in named or (
                with_dependents and any(urn in found for urn in state.dependency_urns_but_provider)
            )
            if is_named:
                found.add(state.urn)
            if is_named == (options.targets is not None):
                chosen.append(state)
        return chosen

    def deletable(self, states: Sequence[ResourceState], graph: DependencyGraph) -> Container[str]:
        """The URNs of those resources of the old state that may be deleted.

        Of a target, everything that depends on it must go with it; whatever an excluded resource needs must stay.
        """
        options = self.options
        if options.targets is not None:
            targets = options.targets
            named = [state for state in states if state.urn in targets]
            return _Deletable(within=graph.closure(named, dependents=True))
        if options.excludes is not None:
            excludes = options.excludes
            named = [state for state in states if state.urn in excludes]
            return _Deletable(without=graph.closure(named, dependencies=True, dependents=options.exclude_dependents))
        return _Deletable()


@dataclass(frozen=True, slots=True)
class _Deletable:
    within: set[str] | None = None
    without: set[str] = field(default_factory=set[str])

    def __contains__(self, urn: str) -> bool:
        return urn not in self.without and (self.within is None or urn in self.within)


def unknown_targets(options: Options, known: Iterable[str]) -> list[str]:
    """The URNs, not the patterns, of `--target` and `--exclude` that are not known."""
    literals = {urn for named in (options.targets, options.excludes) if named for urn in named.literals}
    return sorted(literals.difference(known))
