"""An append-only file of JSON lines for many concurrent tasks: lines that wait at the same time share one fsync.

A line is `<crc32, 8 hex> <batch> <index>/<size> <json>`. The checksum covers the rest of the line. The lines of a batch
were written and synced together, so every batch but the last one must be complete. Space for later lines is reserved on
disk, so that a full disk prevents new operations but not the results of those in progress. After the last line there
may be NULs (reserved space) or an incomplete line.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import threading
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import StateError, StorageFull
from pulumi_embedded.storage.durable import PRIVATE_FILE_MODE, make_private_folder, named_storage_errors, sync_folder

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

Entry = dict[str, Any]

_CHUNK_BYTES: Final = 1 << 20
_NO_RESERVATION: Final = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV})


@dataclass(slots=True)
class _Waiting:
    data: bytes
    reserve_bytes: int
    loop: asyncio.AbstractEventLoop | None
    future: asyncio.Future[None] | None


class JournalFile:
    """A journal file that is being written, and locked while its process runs. Used from one event loop."""

    def __init__(self, path: Path, header: Entry) -> None:
        """Create the file with a header, on disk when this returns. Raises StorageFull, or StateError if it exists."""
        self._path = path
        make_private_folder(path.parent)
        with named_storage_errors(path):
            try:
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
            except FileExistsError:
                with abandoned(path) as is_abandoned:
                    reason = "left by an interrupted update; run the command again"
                    raise StateError(f"{path}: {reason if is_abandoned else 'another update is running'}") from None
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._offset = self._allocated = self._promised = 0
        self._batch = 0
        self._can_reserve = hasattr(os, "posix_fallocate")
        self._queue: list[_Waiting] = []
        self._wake = threading.Condition()
        self._closing = False
        self._broken: StorageFull | None = None
        try:
            first = _Waiting(_encode(header), _CHUNK_BYTES, None, None)
            if refusal := self._reserve(first):
                # A journal without its header cannot be read.
                raise refusal
            self._write([_Waiting(first.data, 0, None, None)])
            if self._broken:
                raise self._broken
            self._promised = 0
            sync_folder(path.parent)
        except BaseException:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def append(self, entry: Entry, *, reserve_bytes: int = 0) -> None:
        """Write a line, which is on disk when this returns. `reserve_bytes` reserves space for later lines.

        Raises StorageFull if it was not written; it is not written later then either.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._enqueue(_Waiting(_encode(entry), reserve_bytes, loop, future))
        await future

    def append_soon(self, entry: Entry) -> None:
        """Write a line after those before it, without waiting for the disk. The next `append` raises a failure."""
        self._enqueue(_Waiting(_encode(entry), 0, None, None))

    def release(self, reserved_bytes: int) -> None:
        """Release a reservation whose lines were written, or will not be."""
        with self._wake:
            self._promised -= reserved_bytes

    def close(self, *, remove: bool) -> None:
        """Write the queued lines and close the file; `remove` deletes it."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        if remove:
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                sync_folder(self._path.parent)
        os.close(self._descriptor)

    def _enqueue(self, waiting: _Waiting) -> None:
        with self._wake:
            if self._closing:
                raise StateError("the journal is closed")
            self._queue.append(waiting)
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                batch, self._queue = self._queue, []
            if not batch:
                return
            self._write(batch)

    def _write(self, batch: list[_Waiting]) -> None:
        refusals = [self._reserve(waiting) for waiting in batch]
        accepted = [waiting.data for waiting, refusal in zip(batch, refusals, strict=True) if refusal is None]
        if accepted and self._broken is None:
            try:
                with named_storage_errors(self._path):
                    self._put(_frame(self._batch + 1, accepted))
                self._batch += 1
            except StorageFull as error:
                self._broken = error
            except Exception as error:
                self._broken = StorageFull(f"cannot write {self._path}: {error}")
        _settle([(waiting, refusal or self._broken) for waiting, refusal in zip(batch, refusals, strict=True)])

    def _reserve(self, waiting: _Waiting) -> StorageFull | None:
        """Reserve space for this line and all reservations; only a line with a reservation of its own is refused."""
        with self._wake:
            promised = self._promised + waiting.reserve_bytes
        needed = self._offset + promised + 2 * len(waiting.data)
        if waiting.reserve_bytes and self._can_reserve and needed > self._allocated:
            grow_to = needed + _CHUNK_BYTES
            try:
                with named_storage_errors(self._path):
                    os.posix_fallocate(self._descriptor, self._allocated, grow_to - self._allocated)
                self._allocated = grow_to
            except StorageFull as error:
                return error
            except OSError as error:
                if error.errno not in _NO_RESERVATION:
                    return StorageFull(f"cannot write {self._path}: {error.strerror}")
                self._can_reserve = False
        with self._wake:
            self._promised += waiting.reserve_bytes
        return None

    def _put(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self._offset + written)
            os.fsync(self._descriptor)
        except BaseException:
            # A line that was refused must not be in the file.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._offset)
            raise
        self._offset += len(data)
        self._allocated = max(self._allocated, self._offset)


def _settle(results: list[tuple[_Waiting, StorageFull | None]]) -> None:
    loop = next((waiting.loop for waiting, _ in results if waiting.loop), None)
    if loop is None:
        return

    def wake() -> None:
        for waiting, failure in results:
            if waiting.future is None or waiting.future.done():
                continue
            if failure is None:
                waiting.future.set_result(None)
            else:
                waiting.future.set_exception(failure)

    # An interrupt may have closed the loop while the disk was busy; nothing waits then.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(wake)


def _encode(entry: Entry) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode()


def _frame(batch: int, lines: list[bytes]) -> bytes:
    bodies = [b"%d %d/%d %s" % (batch, index, len(lines), line) for index, line in enumerate(lines)]
    return b"".join(b"%08x %s\n" % (zlib.crc32(body), body) for body in bodies)


@dataclass(frozen=True, slots=True)
class Contents:
    """The content of a journal; `header` is None if its process died before the header was written."""

    header: Entry | None
    entries: list[Entry]
    torn: bool
    """Whether the end is unreadable or incomplete; no `append` of it has returned."""


def read(path: Path) -> Contents:
    """Read a journal, which may be cut off at any byte. Raises StateError if it is damaged before its last batch."""
    lines = [_parse(line.strip(b"\0")) for line in path.read_bytes().split(b"\n") if line.strip(b"\0")]
    good = [line for line in lines if line]
    last = max((line.batch for line in good), default=0)
    found = Counter(line.batch for line in good)
    sizes = {line.batch: line.size for line in good}
    damaged = [batch for batch in range(1, last) if found[batch] != sizes.get(batch)]
    if damaged:
        raise StateError(
            f"{path}: damaged in batch {damaged[0]} of {last}; the state cannot be rebuilt from it. Move the file "
            "away to continue from the last checkpoint, and check your cloud for resources that are only in the journal"
        )
    entries = [line.entry for line in good]
    torn = len(good) < len(lines) or found[last] != sizes.get(last, 0)
    return Contents(entries[0] if entries else None, entries[1:], torn)


@dataclass(frozen=True, slots=True)
class _Line:
    batch: int
    size: int
    entry: Entry


def _parse(line: bytes) -> _Line | None:
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    batch, position, data = body.split(b" ", 2)
    return _Line(int(batch), int(position.partition(b"/")[2]), json.loads(data))


@contextlib.contextmanager
def abandoned(path: Path) -> Generator[bool, None, None]:
    """Yield whether there is a journal that no process writes; it stays locked until the block ends."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its owner may have removed it meanwhile, and another update may have created a new one.
            is_abandoned = path.stat().st_ino == os.fstat(descriptor).st_ino
        except (BlockingIOError, FileNotFoundError):
            is_abandoned = False
        yield is_abandoned
    finally:
        os.close(descriptor)
