"""Atomic, durable file writes: after a crash or on a full disk, a file has its old or its new content."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_embedded.errors import StorageFull

if TYPE_CHECKING:
    from collections.abc import Generator

PRIVATE_FILE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700

_NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM})


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents with access for the user alone; existing folders are not changed."""
    with named_storage_errors(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(PRIVATE_FOLDER_MODE, exist_ok=True)


def write_atomically(path: Path, data: bytes, mode: int | None = PRIVATE_FILE_MODE) -> None:
    """Replace a file's content; it is on disk when the call returns. `mode=None` keeps the mode of an existing file.

    If the path is a symbolic link, its target is replaced. Raises StorageFull if there is no space or no permission;
    the old file is unchanged then.
    """
    path = Path(os.path.realpath(path))
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with _fresh_name(path) as fresh, named_storage_errors(path):
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(fresh, path)
        sync_folder(path.parent)


def copy_atomically(source: Path, target: Path) -> None:
    """Copy a file; a later replacement of the source does not change the copy."""
    with _fresh_name(target) as fresh, named_storage_errors(target):
        try:
            # A hard link needs no space, and is safe because state files are replaced and never written in place.
            os.link(source, fresh)
            os.chmod(fresh, PRIVATE_FILE_MODE)
        except OSError:
            write_atomically(fresh, source.read_bytes())
        os.replace(fresh, target)
        sync_folder(target.parent)


@contextlib.contextmanager
def _fresh_name(path: Path) -> Generator[Path, None, None]:
    """A temporary path beside a file, which is removed afterwards."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with contextlib.suppress(OSError):
        fresh.unlink()
    try:
        yield fresh
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes, with as many calls as needed."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk: without it, a power failure may undo a rename."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def named_storage_errors(path: Path) -> Generator[None, None, None]:
    """Turn an OSError for no space or no permission into StorageFull with the path."""
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_WRITABLE:
            raise StorageFull(f"cannot write {path}: {error.strerror}; the previous content is unchanged") from error
        raise
