"""Matches the resources of the program with those of the old state, by URN or by alias."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns
from pulumi_embedded.steps.aliases import AliasResolver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.steps.goals import Alias
    from pulumi_embedded.storage.snapshot import ResourceState


class Conflict(Exception):
    """Two resources claim one URN; `urn` is the later one's."""

    def __init__(self, message: str, urn: str) -> None:
        super().__init__(message)
        self.urn = urn


@dataclass(slots=True)
class Identities:
    """The URNs of one deployment, and the old resources (`olds`, by URN) that they match."""

    stack: str
    project: str
    olds: dict[str, ResourceState]
    claimed: set[str] = field(default_factory=set[str])
    _renamed: dict[str, str] = field(default_factory=dict[str, str])
    """The present URNs, by the old URN of the resource that was found by an alias."""
    _old_urns: dict[str, str] = field(default_factory=dict[str, str])
    """The old URNs, by present URN."""

    def present(self, urn: str) -> str:
        """The present URN of an old one."""
        return self._renamed.get(urn, urn)

    def claim(self, parent: str, type_: str, name: str) -> str:
        """The URN of a resource that is registered for the first time. Raises `Conflict`."""
        if parent and parent not in self.claimed:
            raise Conflict(f"could not find parent resource {parent}", "")
        urn = urns.make(self.stack, self.project, parent, type_, name)
        if urn in self.claimed:
            raise Conflict(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn)
        self.claimed.add(urn)
        return urn

    def find_old(self, urn: str, parent: str, aliases: Sequence[Alias]) -> tuple[ResourceState | None, str]:
        """The old resource, and its old URN if that is another one. Raises `Conflict`.

        Without an old resource the result is None and an empty string.
        """
        if urn in self._renamed:
            raise Conflict(
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{self._renamed[urn]}'",
                urn,
            )
        if urn in self.olds:
            return self.olds[urn], ""
        resolver = AliasResolver(self.stack, self.project, self._old_urns)
        for alias in resolver.candidates(urns.name_of(urn), urns.type_of(urn), parent, aliases):
            if alias == urn or alias not in self.olds:
                continue
            other = alias if alias in self.claimed else self._renamed.get(alias)
            if other is not None:
                raise Conflict(
                    f"Duplicate resource alias '{alias}' applied to resource with URN '{urn}' "
                    f"conflicting with resource with URN '{other}'",
                    urn,
                )
            self._renamed[alias], self._old_urns[urn] = urn, alias
            return self.olds[alias], alias
        return None, ""
