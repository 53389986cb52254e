"""The resources of a stack as a tree, for `stack`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pulumi_embedded.storage.snapshot import ResourceState


@dataclass(frozen=True)
class _Row:
    columns: tuple[str, str]
    below: tuple[str, ...] = ()


def tree_lines(resources: Sequence[ResourceState], *, show_urns: bool, show_ids: bool) -> list[str]:
    """A table of types and names, children below their parents; a resource without a parent is below the stack."""
    known = {state.urn for state in resources}
    root = next((state for state in resources if state.type == urns.ROOT_TYPE and not state.parent), None)
    children: dict[str, list[ResourceState]] = {}
    for state in resources:
        if state is not root:
            parent = state.parent if state.parent in known else root.urn if root else ""
            children.setdefault(parent, []).append(state)

    def rows(state: ResourceState, padding: str, branch: str) -> Iterator[_Row]:
        below = padding + {"├─ ": "│  ", "└─ ": "   "}.get(branch, "")
        # A resource and its replacement have one URN, and the children of both stand below the newer one.
        inner = children.pop(state.urn, []) if not state.delete else []
        info = below + ("│  " if inner else "   ")
        details = [f"{info}URN: {state.urn}"] if show_urns else []
        details += [f"{info}ID: {state.id}"] if show_ids and state.id else []
        yield _Row((padding + branch + state.type, urns.name_of(state.urn)), tuple(details))
        for position, child in enumerate(inner):
            yield from rows(child, below, "└─ " if position == len(inner) - 1 else "├─ ")

    top = [root] if root else children.pop("", [])
    table = [_Row(("TYPE", "NAME")), *(row for state in top for row in rows(state, "", ""))]
    width = max(len(row.columns[0]) for row in table)
    lines: list[str] = []
    for row in table:
        lines.append(f"    {row.columns[0]:<{width}}  {row.columns[1]}")
        lines.extend(f"    {detail}" for detail in row.below)
    return lines
