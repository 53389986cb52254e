"""Labels for operations, resources and totals."""

from __future__ import annotations

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
    "refresh": "refreshed",
    "discard": "discarded",
    "discard-replaced": "discarded original",
    "import": "imported",
    "import-replacement": "imported replacement",
}
_PLANNED: Final = {
    "create": "to create",
    "update": "to update",
    "delete": "to delete",
    "replace": "to replace",
    "import": "to import",
    "read": "to read",
    "discard": "to discard",
}


def doing(op: str) -> str:
    """The label of an operation in progress: `creating`."""
    return _DOING.get(op, op)


def done(op: str) -> str:
    """The label of a completed operation: `created`."""
    return _DONE.get(op, op)


def short_type(urn: str) -> str:
    """The type of a resource without the repeated name: `random:index:RandomPet`."""
    type_ = urns.type_of(urn)
    package, _, rest = type_.partition(":")
    module, _, name = rest.partition(":")
    head, slash, file = module.partition("/")
    if slash and file.lower() == name.lower():
        return f"{package}:{head}:{name}"
    return type_


def duration_text(seconds: float) -> str:
    """`12s`, or `3m05s`."""
    return f"{seconds:.0f}s" if seconds < 60 else f"{int(seconds // 60)}m{int(seconds % 60):02}s"


def summary_lines(summary: Summary, errored: int) -> list[str]:
    """Totals and duration at the end of a deployment; `errored` is the number of resources with errors."""
    labels = _PLANNED if summary.is_preview else _DONE
    lines = ["", "Resources:"]
    for op, count in sorted(summary.changes.items(), key=lambda item: item[0] == "same"):
        if op == "same":
            lines.append(f"    {count} unchanged")
        else:
            lines.append(f"    {PREFIXES.get(op, '').strip()} {count} {labels.get(op, op)}")
    if errored:
        lines.append(f"    {errored} errored")
    if not summary.changes and not errored:
        lines.append("    none")
    return [*lines, "", f"Duration: {duration_text(summary.duration_seconds)}"]
