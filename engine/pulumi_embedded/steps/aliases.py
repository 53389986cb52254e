"""Resolves aliases to the earlier URNs of a resource, so that a rename does not replace it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_embedded.steps.goals import Alias


class AliasResolver:
    """Finds the URNs that a resource may have in the old state."""

    def __init__(self, stack: str, project: str, matched: Mapping[str, str]) -> None:
        self._stack, self._project = stack, project
        self._matched = matched
        """The old URN of every resource of this run that was found under an alias, by its present URN."""

    def candidates(self, name: str, type_: str, parent: str, aliases: Sequence[Alias]) -> list[str]:
        """The possible earlier URNs of a resource: its own aliases first, then those that follow from its parent's."""
        own = [self._urn(alias, name, type_, parent) for alias in aliases]
        candidates = list(own)
        parent_alias = self._matched.get(parent) if parent else None
        if parent_alias is not None:
            parent_name = urns.name_of(parent)
            candidates.append(self._below(parent_alias, parent_name, type_, name))
            candidates.extend(
                self._below(parent_alias, parent_name, urns.type_of(urn), urns.name_of(urn)) for urn in own
            )
        return list(dict.fromkeys(candidates))

    def _urn(self, alias: Alias, name: str, type_: str, parent: str) -> str:
        if alias.urn:
            return alias.urn
        alias_parent = self._matched.get(alias.parent, alias.parent) if alias.parent else parent
        return urns.make(
            alias.stack or self._stack,
            alias.project or self._project,
            "" if alias.no_parent else alias_parent,
            alias.type or type_,
            alias.name or name,
        )

    def _below(self, parent_alias: str, parent_name: str, type_: str, name: str) -> str:
        # By convention a child's name begins with its parent's name, and was renamed with it.
        if name.startswith(parent_name):
            name = urns.name_of(parent_alias) + name.removeprefix(parent_name)
        return urns.make(self._stack, self._project, parent_alias, type_, name)
