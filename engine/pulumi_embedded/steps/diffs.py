"""Diffs of resources: what the provider answers, and what the engine and resource options change in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pulumi_embedded.property_paths import MalformedPath, keep_old, matches, parse
from pulumi_embedded.providers.provider_api import Diff, DiffKind, PropertyDiff, Provider, ProviderError
from pulumi_embedded.values import Properties, equal, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_INIT_ERROR_KEY: Final = "#initerror"
_REPLACING: Final[dict[DiffKind, DiffKind]] = {
    "add": "add-replace",
    "delete": "delete-replace",
    "update": "update-replace",
}
_INVERSE: Final[dict[DiffKind, DiffKind]] = {
    "add": "delete",
    "add-replace": "delete-replace",
    "delete": "add",
    "delete-replace": "add-replace",
}


async def diff_resource(
    provider: Provider,
    urn: str,
    id_: str,
    old_inputs: Properties,
    old_outputs: Properties,
    new_inputs: Properties,
    ignore_changes: Sequence[str],
) -> Diff:
    """The provider's diff; if the provider does not know, the difference between the inputs."""
    diff = await provider.diff(urn, id_, old_inputs, old_outputs, new_inputs, ignore_changes)
    if diff.changes != "unknown":
        return diff
    kept, _ = keep_old(ignore_changes, old_inputs, new_inputs)
    changed = [
        key
        for key in sorted({*old_inputs, *kept})
        if (key in old_inputs) != (key in kept) or not equal(plain(old_inputs.get(key)), plain(kept.get(key)))
    ]
    return replace(diff, changes="some" if changed else "none", changed_keys=changed or diff.changed_keys)


def inverted(diff: Diff) -> Diff:
    """The diff in the opposite direction: additions become deletions."""
    if diff.detailed is None:
        return diff
    detailed = {path: replace(item, kind=_INVERSE.get(item.kind, item.kind)) for path, item in diff.detailed.items()}
    return replace(diff, detailed=detailed)


def with_replace_on_changes(diff: Diff, replace_on_changes: Sequence[str], has_init_errors: bool) -> Diff:
    """The diff, in which a change at one of the `replace_on_changes` paths replaces the resource.

    Raises `ProviderError` for what is not a path.
    """
    if not replace_on_changes or (diff.changes != "some" and not has_init_errors):
        return diff
    try:
        paths = [parse(text) for text in replace_on_changes]
    except MalformedPath as error:
        raise ProviderError(f"replace_on_changes: {error}") from None
    keys = dict.fromkeys([*diff.replace_keys, *(key for key in diff.changed_keys if matches(paths, key))])
    changes, detailed = diff.changes, diff.detailed
    if detailed is not None:
        detailed = {
            path: replace(item, kind=_REPLACING.get(item.kind, item.kind)) if matches(paths, path) else item
            for path, item in detailed.items()
        }
    if has_init_errors and matches(paths, _INIT_ERROR_KEY):
        keys[_INIT_ERROR_KEY] = None
        changes = "some"
        if detailed is not None:
            detailed[_INIT_ERROR_KEY] = PropertyDiff("update-replace")
    return replace(diff, changes=changes, replace_keys=list(keys), detailed=detailed)
