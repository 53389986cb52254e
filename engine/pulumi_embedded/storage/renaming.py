"""A deployment under another stack name: its URNs name the stack and the project, and are rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pulumi_embedded.values import RESOURCE_REFERENCE, SIGNATURE

if TYPE_CHECKING:
    from pulumi_embedded.storage.stack_reference import StackReference

_PROPERTIES: Final = ("inputs", "outputs", "replacementTrigger")
"""User data: only the URNs of resource references in it are rewritten."""


def rename_deployment(deployment: dict[str, Any], old: StackReference, new: StackReference) -> None:
    """Rewrite the URNs in the document of a deployment, in place."""
    renamed = _Renaming(f"urn:pulumi:{old.name}::{old.project}::", f"urn:pulumi:{new.name}::{new.project}::", old, new)
    operations: list[dict[str, Any]] = deployment.get("pending_operations") or []
    states: list[dict[str, Any]] = [*(deployment.get("resources") or []), *(op["resource"] for op in operations)]
    for state in states:
        for key, value in state.items():
            state[key] = renamed.references(value) if key in _PROPERTIES else renamed.urns(value)


class _Renaming:
    def __init__(self, prefix: str, new_prefix: str, old: StackReference, new: StackReference) -> None:
        self._prefix, self._new_prefix = prefix, new_prefix
        self._root, self._new_root = f"::{old.project}-{old.name}", f"::{new.project}-{new.name}"

    def urns(self, value: Any) -> Any:
        """The value with every URN of the stack rewritten."""
        if isinstance(value, str) and value.startswith(self._prefix):
            rest = value.removeprefix(self._prefix)
            if rest == f"pulumi:pulumi:Stack{self._root}":
                rest = f"pulumi:pulumi:Stack{self._new_root}"
            return self._new_prefix + rest
        if isinstance(value, dict):
            return {key: self.urns(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self.urns(item) for item in cast("list[Any]", value)]
        return value

    def references(self, value: Any) -> Any:
        """The value with the URNs of its resource references rewritten."""
        if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            if entries.get(SIGNATURE) == RESOURCE_REFERENCE:
                return self.urns(entries)
            return {key: self.references(item) for key, item in entries.items()}
        if isinstance(value, list):
            return [self.references(item) for item in cast("list[Any]", value)]
        return value
