"""Labels for operations, resources and totals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pulumi_embedded import urn as urns

if TYPE_CHECKING:
    from pulumi_embedded.steps.events import Summary

PREFIXES: Final = {
    "same": "  ",
    "create": "+ ",
    "update": "~ ",
    "delete": "- ",
    "replace": "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    "read": "> ",
    "read-replacement": ">>",
    "refresh": "~ ",
    "discard": "< ",
    "discard-replaced": "<<",
    "import": "= ",
    "import-replacement": "=>",
}
_DOING: Final = {
    "same": "same",
    "create": "creating",
    "update": "updating",
    "delete": "deleting",
    "replace": "replacing",
    "create-replacement": "creating replacement",
    "delete-replaced": "deleting original",
    "read": "reading",
    "read-replacement": "reading for replacement",
    "refresh": "refreshing",
    "discard": "discarding",
    "discard-replaced": "discarding original",
    "import": "importing",
    "import-replacement": "importing replacement",
}
_DONE: Final = {
    "same": "unchanged",
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "created replacement",
    "delete-replaced": "deleted original",
    "read": "read",
    "read-replacement": "read for replacement",
    "refresh": "refresh",
    "discard": "discarded",
    "discard-replaced": "discarded original",
    "import": "imported",
    "import-replacement": "imported replacement",
}
_PLANNED: Final = {"delete-replaced": "delete original", "discard-replaced": "discard original"}

_COUNTED: Final = ("create", "update", "delete", "replace", "refresh", "import")
"""The operations in the totals, in their order. A read changes nothing, and the CLI does not count it either."""


def planned(op: str) -> str:
    """The label of an operation in a preview: `create`; none for a resource that stays as it is."""
    return "" if op == "same" else _PLANNED.get(op, op)


def doing(op: str) -> str:
    """The label of an operation in progress: `creating`."""
    return _DOING.get(op, op)


def done(op: str) -> str:
    """The label of a completed operation: `created`; none for a resource that stayed as it is."""
    return "" if op == "same" else _DONE.get(op, op)


def short_type(urn: str) -> str:
    """The type of a resource without the repeated name: `random:index:RandomPet`."""
    type_ = urns.type_of(urn)
    package, _, rest = type_.partition(":")
    module, _, name = rest.partition(":")
    head, slash, file = module.partition("/")
    if slash and file.lower() == name.lower():
        return f"{package}:{head}:{name}"
    return type_


def shorten(text: str, width: int) -> str:
    """The text in at most `width` characters; what is left out is in the middle, where names differ least."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def duration_text(seconds: float) -> str:
    """`12s`, `3m5s` or `1h0m9s`, as the CLI writes it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


def summary_lines(summary: Summary, errored: int) -> list[str]:
    """Totals at the end of a deployment and, unless it is a preview, its duration.

    `errored` is the number of resources with errors.
    """
    lines = ["", "Resources:"]
    changes = {op: count for op in _COUNTED if (count := summary.changes.get(op, 0))}
    for op, count in changes.items():
        lines.append(f"    {PREFIXES[op]}{count} {f'to {op}' if summary.is_preview else _DONE[op]}")
    total = [f"{sum(changes.values())} changes"] if len(changes) > 1 else []
    same = summary.changes.get("same", 0)
    if same or total:
        lines.append("    " + ". ".join([*total, *([f"{same} unchanged"] if same else [])]))
    if errored:
        lines.append(f"    {errored} errored")
    if len(lines) == 2:
        lines.append("    none")
    if summary.is_preview:
        return lines
    return [*lines, "", f"Duration: {duration_text(math.ceil(summary.duration_seconds))}"]
