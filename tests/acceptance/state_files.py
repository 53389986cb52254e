"""A stack's state as it lies on disk, read without starting an engine."""

from __future__ import annotations

import json
from typing import Any

from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.stack_reference import StackReference

from .stacks import Stack


def loaded(stack: Stack) -> list[dict[str, Any]]:
    """Return the resources of the state, which must load; the journal of a killed engine is taken into account.

    Raises whatever the engine itself would raise, and ValueError for a backup or a history file that is no JSON.
    """
    folder = stack.directory / ".state"
    backend, reference = FileBackend(folder), StackReference("fleet", stack.name)
    backend.load(reference, None)  # pyright: ignore[reportArgumentType]  (None leaves secrets as they are)
    for path in folder.rglob("*.json"):
        if "locks" not in path.parts:
            json.loads(path.read_bytes())
    return (backend.export(reference)["deployment"] or {}).get("resources") or []


def cluster_ids(stack: Stack) -> dict[str, str]:
    """Return the logical names of the clusters in the state, by id; a replaced one that is still to go included."""
    return {
        it["id"]: it["urn"].rpartition("::")[2] for it in loaded(stack) if it["type"].endswith(":Cluster") and it["id"]
    }
