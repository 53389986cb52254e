"""Which old resource a resource of the program is: by its URN, or by an earlier one."""

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
    """The URNs of one deployment, and the old resources (`olds`, by URN) that they were found to be."""

    stack: str
    project: str
    olds: dict[str, ResourceState]
    claimed: set[str] = field(default_factory=set[str])
    _renamed: dict[str, str] = field(default_factory=dict[str, str])
    """The present URN by the old one under which a resource was found."""
    _old_urns: dict[str, str] = field(default_factory=dict[str, str])
    """The other way round."""

    def present(self, urn: str) -> str:
        """What an old URN is called now."""
        return self._renamed.get(urn, urn)

    def claim(self, parent: str, type_: str, name: str) -> str:
        """The URN of a resource that is met for the first time. Raises `Conflict`."""
        if parent and parent not in self.claimed:
            raise Conflict(f"could not find parent resource {parent}", "")
        urn = urns.make(self.stack, self.project, parent, type_, name)
        if urn in self.claimed:
            raise Conflict(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn)
        self.claimed.add(urn)
        return urn

    def find_old(self, urn: str, parent: str, aliases: Sequence[Alias]) -> tuple[ResourceState | None, str]:
        """The old resource, and the earlier URN under which it stands there if it has changed. Raises `Conflict`."""
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
