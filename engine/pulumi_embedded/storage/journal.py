"""The journal: the operations that an update has started and completed since the last checkpoint.

An operation is written to disk before it starts, and its result before it counts as completed. Each entry has only the
resource of its operation, so its cost does not depend on the size of the stack; concurrent entries share one fsync.
After a crash, `rebuild` computes the state from the checkpoint and the journal. It needs no passphrase: secrets in the
journal are encrypted as in the state.

Entries, after a header with the base checkpoint's digest, the stack and the engine's process:

    {"begin": n, "type": "creating", "resource": {…}}      operation n is about to start
    {"end": n, "resource": {…}?, "removes": place?}        operation n is completed: a new state, a removed one, or both
    {"fail": n}                                            operation n changed nothing
    {"rewrite": place, "resource": {…}}                    a state changed: marked for deletion, new outputs
    {"resolve": urn?}                                      pending creates of the base are resolved
    {"saved": digest}                                      a checkpoint with this digest contains all of the above
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import socket
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import StateError
from pulumi_embedded.storage.checkpoint import Crypter, dump_resource, load_resource, refuse_secret
from pulumi_embedded.storage.journal_file import Contents, Entry, JournalFile
from pulumi_embedded.storage.ledger import Ledger
from pulumi_embedded.storage.snapshot import (
    Operation,
    OperationType,
    ResourceState,
    SecretsProvider,
    Snapshot,
    new_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path

_RESULT_RESERVE_BYTES: Final = 32 << 10
"""Space reserved for the result of every operation in progress: an operation is refused before a result is lost."""

# These change with every edit of the program, and a change of nothing else is not worth an entry.
_NOT_COMPARED: Final = frozenset({"modified", "source_position", "stack_trace"})
_COMPARED: Final = tuple(f.name for f in dataclasses.fields(ResourceState) if f.name not in _NOT_COMPARED)


class Journal:
    """The journal of one update, which also tracks the resources of the update. Used from one event loop.

    States are compared by identity: `removes` and `rewrite` take the objects of the base snapshot, or those that were
    passed to `end` and `record` before.
    """

    def __init__(self, path: Path, base: Snapshot | None, base_digest: str, crypter: Crypter | None) -> None:
        """Start a journal for a checkpoint. Raises StorageFull if it cannot be written.

        `crypter` must be the one of the checkpoint; it is None for a stack without a passphrase.
        """
        self._encrypt: Callable[[str], str] | None = crypter.encrypt if crypter else None
        provider = {"type": crypter.provider_type, "state": crypter.provider_state} if crypter else None
        header = {
            "journal": 1,
            "base": base_digest,
            "secrets_providers": provider,
            "pid": os.getpid(),
            "hostname": socket.gethostname(),
            "started": datetime.now(timezone.utc).isoformat(),
        }
        self._ledger = Ledger(base)
        # The states are kept here so that no other object gets the same `id()`.
        self._places = {id(state): (f"b{i}", state) for i, state in enumerate(base.resources if base else [])}
        self._numbers = itertools.count(1)
        self._reserved: dict[int, int] = {}
        self._file = JournalFile(path, header)

    async def begin(self, type_: OperationType, state: ResourceState) -> int:
        """Record that an operation on this resource is about to start; returns its number.

        The operation must not start if this raises: StorageFull if there is no space for this entry or for the result,
        StateError if the result will have a secret and the stack has no passphrase.
        """
        if self._encrypt is None and state.additional_secret_outputs:
            refuse_secret(", ".join(state.additional_secret_outputs))
        number = next(self._numbers)
        entry = {"begin": number, "type": type_, "resource": self._dump(state)}
        await self._file.append(entry, reserve_bytes=_RESULT_RESERVE_BYTES)
        self._reserved[number] = _RESULT_RESERVE_BYTES
        self._ledger.begin(number, type_, state)
        return number

    async def end(
        self, number: int, result: ResourceState | None = None, *, removes: ResourceState | None = None
    ) -> None:
        """Record the result of an operation: a new state, a removed one, or both. Raises StorageFull.

        A create has a `result`, a delete `removes` a state; an update, a read and a delete that leaves a pending
        replacement have both.
        """
        try:
            entry = self._take(number, result, removes)
            self._ledger.end(number)
            await self._file.append(entry)
        finally:
            self._file.release(self._reserved.pop(number, 0))

    async def fail(self, number: int) -> None:
        """Record that an operation failed and changed nothing. Raises StorageFull.

        An operation whose result is not known is neither ended nor failed: it stays pending.
        """
        self._ledger.end(number)
        try:
            await self._file.append({"fail": number})
        finally:
            self._file.release(self._reserved.pop(number, 0))

    def record(self, result: ResourceState | None, *, removes: ResourceState | None = None) -> None:
        """Record a change without an operation: an unchanged resource with new options, or the result of a refresh.

        Does not wait for the disk; the entry is written before the next operation starts.
        """
        if result is not None and removes is not None and _equal(result, removes):
            place = self._forget(removes)
            self._ledger.rewrite(place, result)
            self._places[id(result)] = (place, result)
            return
        number = next(self._numbers)
        self._file.append_soon(self._take(number, result, removes))

    def rewrite(self, state: ResourceState) -> None:
        """Record that a known state was changed in place: marked for deletion, or completed with outputs.

        Does not wait for the disk, as `record`.
        """
        place = self._places[id(state)][0]
        self._file.append_soon({"rewrite": place, "resource": self._dump(state)})

    outputs = rewrite

    def resolve(self, urn: str | None = None) -> None:
        """Remove the pending creates of the base snapshot: those of one URN, or all."""
        self._ledger.resolve(urn)
        self._file.append_soon({"resolve": urn})

    def snapshot(self) -> Snapshot:
        """The current state, with operations in progress as pending ones."""
        return self._ledger.snapshot()

    async def flush(self) -> None:
        """Wait until all entries so far are on disk. Raises StorageFull."""
        await self._file.append({"flush": True})

    def seal(self, digest: str) -> None:
        """Record that the checkpoint with this digest, which is about to be written, contains the whole journal."""
        self._file.append_soon({"saved": digest})

    def close(self, *, remove: bool) -> None:
        """Close the journal. If it is not removed, the next command rebuilds the state from it."""
        self._file.close(remove=remove)

    def _take(self, number: int, result: ResourceState | None, removes: ResourceState | None) -> Entry:
        entry: Entry = {"end": number}
        if result is not None:
            # First, because it may raise, and nothing may have changed then.
            entry["resource"] = self._dump(result)
        if removes is not None:
            entry["removes"] = self._forget(removes)
            self._ledger.remove(entry["removes"])
        if result is not None:
            self._places[id(result)] = (self._ledger.add(number, result), result)
        return entry

    def _forget(self, state: ResourceState) -> str:
        return self._places.pop(id(state))[0]

    def _dump(self, state: ResourceState) -> dict[str, Any]:
        return dump_resource(state, self._encrypt or refuse_secret)


def replay(base: Snapshot | None, contents: Contents) -> Ledger:
    """The ledger at the end of the journal. `base` was loaded with its secrets left encrypted."""
    ledger = Ledger(base)
    for entry in contents.entries:
        resource = load_resource(entry["resource"], None) if "resource" in entry else None
        if "begin" in entry and resource:
            ledger.begin(entry["begin"], entry["type"], resource)
        elif "end" in entry:
            ledger.end(entry["end"])
            if "removes" in entry:
                ledger.remove(entry["removes"])
            if resource:
                ledger.add(entry["end"], resource)
        elif "fail" in entry:
            ledger.end(entry["fail"])
        elif "rewrite" in entry and resource:
            ledger.rewrite(entry["rewrite"], resource)
        elif "resolve" in entry:
            ledger.resolve(entry["resolve"])
    return ledger


@dataclasses.dataclass(frozen=True, slots=True)
class Rebuilt:
    """The state that an interrupted update left, and one line about it for the user."""

    snapshot: Snapshot
    note: str


def rebuild(checkpoint: Snapshot | None, digest: str, contents: Contents) -> Rebuilt | None:
    """The state from a checkpoint and the journal of an interrupted update; None if the checkpoint contains everything.

    `checkpoint` was loaded with its secrets left encrypted; `digest` is that of its file. If another engine has written
    the checkpoint since, resources that are only in the journal become pending creates. Raises StateError.
    """
    header = contents.header
    if header is None or any(entry.get("saved") == digest for entry in contents.entries):
        return None
    if header.get("journal") != 1:
        raise StateError(f"the journal has the version {header.get('journal')!r}, which is not supported")
    provider = header["secrets_providers"]
    if header["base"] == digest:
        snapshot = replay(checkpoint, contents).snapshot()
        what = "rebuilt the state"
    else:
        snapshot = checkpoint or Snapshot(manifest=new_manifest())
        found = _unknown_to(snapshot, contents)
        if not found:
            return None
        snapshot.pending_operations.extend(found)
        what = f"found {len(found)} resources that are not in the state"
    if snapshot.secrets_providers is None and provider is not None:
        snapshot.secrets_providers = SecretsProvider(provider["type"], provider["state"])
    elif provider is not None and snapshot.secrets_providers and snapshot.secrets_providers.state != provider["state"]:
        raise StateError(
            "the journal of an interrupted update was encrypted with another passphrase or salt than the state"
        )
    pending = len(snapshot.pending_operations)
    torn = "; its last line was cut off" if contents.torn else ""
    note = (
        f"{what} from the journal of an interrupted update (pid {header['pid']} on {header['hostname']}): "
        f"{len(snapshot.resources)} resources, {pending} pending operations{torn}"
    )
    return Rebuilt(snapshot, note)


def _unknown_to(later: Snapshot, contents: Contents) -> list[Operation]:
    known = {(state.type, state.id) for state in later.resources if state.id}
    known |= {(op.resource.type, op.resource.id) for op in later.pending_operations if op.resource.id}
    replayed = replay(None, contents).snapshot()
    created = [
        Operation(s, "creating") for s in replayed.resources if s.custom and s.id and (s.type, s.id) not in known
    ]
    return created + [op for op in replayed.pending_operations if op.type == "creating"]


def _equal(left: ResourceState, right: ResourceState) -> bool:
    return all(getattr(left, name) == getattr(right, name) for name in _COMPARED)
