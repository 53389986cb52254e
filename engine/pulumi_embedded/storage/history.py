"""A stack's history: one entry per update, each with a copy of the checkpoint that the update left."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi_embedded.storage.durable import copy_atomically, make_private_folder, write_atomically
from pulumi_embedded.storage.state_files import encode_document, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Update:
    """One entry of a stack's history. Times are Unix seconds; `config` is as in the stack's config file."""

    kind: str
    """`update`, `refresh`, `destroy`, `import` or `resource-import`."""
    start_time: int
    end_time: int
    result: str
    """`succeeded` or `failed`."""
    config: dict[str, Any]
    resource_changes: dict[str, int]
    message: str = ""


def record_update(update: Update, stack: str, checkpoint: Path, history: Path, backups: Path) -> None:
    """Write an entry and a copy of the checkpoint into `history`, and another copy into `backups`.

    `stack` is the name that the files begin with. Raises StorageFull.
    """
    now = time.time_ns()
    for folder in (history, backups):
        make_private_folder(folder)
    extension = checkpoint.name.removeprefix(stack)
    entry = {
        "kind": update.kind,
        "startTime": update.start_time,
        "message": update.message,
        "environment": {},
        "config": update.config,
        "version": 0,
        "result": update.result,
        "endTime": update.end_time,
        "resourceChanges": update.resource_changes,
    }
    path = history / f"{stack}-{now}.history.json"
    write_atomically(path, encode_document(entry, path))
    copy_atomically(checkpoint, history / f"{stack}-{now}.checkpoint{extension}")
    copy_atomically(checkpoint, backups / f"{stack}.{now}{extension}")


def read_history(folder: Path) -> Iterator[dict[str, Any]]:
    """The entries in a folder, newest first, with the CLI's keys (`kind`, `startTime`, `result`, …)."""
    paths = folder.glob("*.history.json*")
    for path in sorted((path for path in paths if path.suffix in (".json", ".gz")), reverse=True):
        yield read_document(path)


def rename_history(folder: Path, stack: str, new_folder: Path, new_stack: str) -> None:
    """Move the entries to another folder, where their names begin with the new name of the stack."""
    if not folder.is_dir():
        return
    make_private_folder(new_folder)
    for path in sorted(folder.iterdir()):
        name, _, rest = path.name.rpartition("-")
        if name == stack:
            path.replace(new_folder / f"{new_stack}-{rest}")


def remove_history(folder: Path) -> None:
    """Remove the folder with all its entries; does nothing if there is none."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()
