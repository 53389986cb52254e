"""The dependents that have to be replaced with a resource that is deleted before its replacement is created."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns
from pulumi_embedded.steps.diffs import diff_resource, with_replace_on_changes
from pulumi_embedded.values import UNKNOWN, PropertyValue

if TYPE_CHECKING:
    from collections.abc import Container

    from pulumi_embedded.providers.provider_api import Provider
    from pulumi_embedded.providers.registry import ProviderRegistry
    from pulumi_embedded.steps.dependencies import DependencyGraph
    from pulumi_embedded.storage.snapshot import ResourceState


@dataclass(slots=True)
class Dependents:
    """Finds the old resources that have to be replaced together with another one."""

    graph: DependencyGraph
    olds: dict[str, ResourceState]
    registry: ProviderRegistry
    _declared: dict[str, list[ResourceState]] = field(default_factory=dict[str, "list[ResourceState]"])

    def __post_init__(self) -> None:
        for state in self.olds.values():
            for urn in {state.deleted_with, *state.replace_with} - {""}:
                self._declared.setdefault(urn, []).append(state)

    async def of(self, root: ResourceState, settled: Container[str]) -> list[tuple[ResourceState, list[str]]]:
        """The resources to replace with `root`, dependencies first, each with the properties that cause it.

        These are the resources whose `deletedWith` or `replaceWith` names it, and those that depend on it through a
        property whose change requires a replacement. Resources in `settled` were decided before and are left out.
        """
        found = await self._dependents(root, settled)
        included = {id(state) for state, _ in found}
        return found + [(state, list[str]()) for state in self._declared.get(root.urn, ()) if id(state) not in included]

    async def _dependents(self, root: ResourceState, settled: Container[str]) -> list[tuple[ResourceState, list[str]]]:
        if root not in self.graph:
            return []
        replaced = {root.urn}
        result: list[tuple[ResourceState, list[str]]] = []
        for state in self.graph.depending_on(root, settled):
            replaces, keys = await self._would_be_replaced(state, replaced)
            if replaces:
                replaced.add(state.urn)
                result.append((state, keys))
        return result

    async def _would_be_replaced(self, state: ResourceState, replaced: set[str]) -> tuple[bool, list[str]]:
        if not state.custom or state.external:
            return False, []
        if state.provider and urns.split_reference(state.provider)[0] in replaced:
            await self.provider_of(state)
            return True, []
        if state.deleted_with in replaced:
            return True, []
        inputs: dict[str, PropertyValue] = {
            key: UNKNOWN if replaced.intersection(state.property_dependencies.get(key, ())) else value
            for key, value in state.inputs.items()
        }
        if not any(value is UNKNOWN for value in inputs.values()):
            return False, []
        provider = await self.provider_of(state)
        diff = await diff_resource(
            provider, state.urn, state.id, state.inputs, state.outputs, inputs, state.ignore_changes
        )
        diff = with_replace_on_changes(diff, state.replace_on_changes, has_init_errors=False)
        return diff.replaces, diff.replace_keys

    async def provider_of(self, state: ResourceState) -> Provider:
        """The provider of an old resource, started from its old state if the program has not registered it yet."""
        if urns.is_provider_type(state.type):
            await self.registry.same(state, state.inputs)
            return self.registry
        return await self.registry.ensure(state.provider)
