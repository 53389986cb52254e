"""What a run has begun and done since the last checkpoint, on disk before anybody relies on it.

Before a step begins, its intention is in the journal; before it counts as done, so is its result. A step writes nothing
but its own resource, so it costs the same in a stack of any size; steps that wait at the same time share one fsync.
After a crash `rebuild` makes the state from the checkpoint and the journal, without the passphrase: secrets stand in
the journal as in the state, encrypted.

Entries, after a header with the base checkpoint's digest, the stack and the engine's process:

    {"begin": n, "type": "creating", "resource": {…}}      step n is about to start
    {"end": n, "resource": {…}?, "removes": place?}        step n is done: a new state, the end of an old one, or both
    {"fail": n}                                            step n changed nothing
    {"rewrite": place, "resource": {…}}                    a state changed: marked for deletion, new outputs
    {"resolve": urn?}                                      interrupted creates of the base were looked into
    {"saved": digest}                                      a checkpoint with this digest holds all of the above
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
"""Room kept free for the result of every step under way: an intention is refused before a result could be lost."""

# Where a resource was declared changes with every edit of the program; it is not worth a line in the journal.
_UNREMARKABLE: Final = frozenset({"modified", "source_position", "stack_trace"})
_REMARKABLE: Final = tuple(f.name for f in dataclasses.fields(ResourceState) if f.name not in _UNREMARKABLE)


class Journal:
    """The journal of one run, which also keeps the run's resources. Used from one event loop.

    States are recognised by identity: `removes` and `rewrite` take the very objects of the base snapshot, or those that
    were given to `end` and `record` before.
    """

    def __init__(self, path: Path, base: Snapshot | None, base_digest: str, crypter: Crypter | None) -> None:
        """Start a journal on top of a checkpoint. Raises StorageFull if it cannot be written.

        `crypter` must be the one that the checkpoint was written with; None is for a stack without secrets.
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
        # The states are kept here so that no other object ever gets the identity of one of them.
        self._places = {id(state): (f"b{i}", state) for i, state in enumerate(base.resources if base else [])}
        self._numbers = itertools.count(1)
        self._reserved: dict[int, int] = {}
        self._file = JournalFile(path, header)

    async def begin(self, type_: OperationType, state: ResourceState) -> int:
        """Say that an operation on this resource is about to start; returns its number.

        Raises StorageFull if that could not be written, or if there would be no room for the result; then the operation
        must not start. So does StateError, if the result is bound to hold a secret and the stack has no passphrase.
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
        """Say what an operation led to: a new state, the end of an old one, or both. Raises StorageFull.

        create: `result`. Update, read, delete-before-replace that leaves a pending replacement: `result` and `removes`.
        Delete: `removes`.
        """
        try:
            entry = self._take(number, result, removes)
            self._ledger.end(number)
            await self._file.append(entry)
        finally:
            self._file.release(self._reserved.pop(number, 0))

    async def fail(self, number: int) -> None:
        """Say that an operation failed and changed nothing. Raises StorageFull.

        An operation whose outcome nobody knows is neither ended nor failed: it stays pending.
        """
        self._ledger.end(number)
        try:
            await self._file.append({"fail": number})
        finally:
            self._file.release(self._reserved.pop(number, 0))

    def record(self, result: ResourceState | None, *, removes: ResourceState | None = None) -> None:
        """Note a change that no operation made: an unchanged resource with new options, or what a refresh found.

        Does not wait for the disk: it is there before the next operation begins, and nothing is lost with it.
        """
        if result is not None and removes is not None and _equal(result, removes):
            place = self._forget(removes)
            self._ledger.rewrite(place, result)
            self._places[id(result)] = (place, result)
            return
        number = next(self._numbers)
        self._file.append_soon(self._take(number, result, removes))

    def rewrite(self, state: ResourceState) -> None:
        """Note that a known state was changed in place: `delete` was set, or a component registered its outputs.

        Does not wait for the disk, as `record`.
        """
        place = self._places[id(state)][0]
        self._file.append_soon({"rewrite": place, "resource": self._dump(state)})

    outputs = rewrite

    def resolve(self, urn: str | None = None) -> None:
        """Drop the interrupted creates that the base snapshot came with, all or those of one URN."""
        self._ledger.resolve(urn)
        self._file.append_soon({"resolve": urn})

    def snapshot(self) -> Snapshot:
        """The state as of now: what stands, what is new, what is under way."""
        return self._ledger.snapshot()

    async def flush(self) -> None:
        """Return when everything said so far is on disk. Raises StorageFull."""
        await self._file.append({"flush": True})

    def seal(self, digest: str) -> None:
        """Say that a checkpoint with this digest, about to be written, holds everything in this journal."""
        self._file.append_soon({"saved": digest})

    def close(self, *, remove: bool) -> None:
        """Stop. A journal that is not removed is found by the next command, which rebuilds the state from it."""
        self._file.close(remove=remove)

    def _take(self, number: int, result: ResourceState | None, removes: ResourceState | None) -> Entry:
        entry: Entry = {"end": number}
        if result is not None:
            # First, because it may fail, and then nothing has happened.
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
    """The ledger that the journal's engine had when it stopped. `base` was loaded with secrets left encrypted."""
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
    """The state that a killed engine left, and one line about it for the user."""

    snapshot: Snapshot
    note: str


def rebuild(checkpoint: Snapshot | None, digest: str, contents: Contents) -> Rebuilt | None:
    """The state from a checkpoint (its secrets left encrypted, its file's digest) and the journal found beside it.

    None if the checkpoint holds everything already. If another engine wrote the checkpoint after the journal's engine
    died, the checkpoint stands, and what only the journal knows becomes interrupted creates. Raises StateError.
    """
    header = contents.header
    if header is None or any(entry.get("saved") == digest for entry in contents.entries):
        return None
    if header.get("journal") != 1:
        raise StateError(f"the journal has the version {header.get('journal')!r}, which is not known here")
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
        what = f"found {len(found)} resources that the state does not know"
    if snapshot.secrets_providers is None and provider is not None:
        snapshot.secrets_providers = SecretsProvider(provider["type"], provider["state"])
    elif provider is not None and snapshot.secrets_providers and snapshot.secrets_providers.state != provider["state"]:
        raise StateError(
            "the journal of an interrupted run was encrypted with another passphrase or salt than the state"
        )
    pending = len(snapshot.pending_operations)
    torn = "; its last line was cut off" if contents.torn else ""
    note = (
        f"{what} from the journal of a run that was interrupted (pid {header['pid']} on {header['hostname']}): "
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
    return all(getattr(left, name) == getattr(right, name) for name in _REMARKABLE)
