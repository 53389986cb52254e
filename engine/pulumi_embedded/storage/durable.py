"""Files that are either the old one or the new one, whatever is killed, full or switched off in between."""

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

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM})


def make_private_folder(folder: Path) -> None:
    """Make a folder and its missing parents for the user alone; folders that exist keep their permissions."""
    with named_storage_errors(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(PRIVATE_FOLDER_MODE, exist_ok=True)


def write_atomically(path: Path, data: bytes, mode: int | None = PRIVATE_FILE_MODE) -> None:
    """Replace a file by one with this content, on disk when the call returns. `mode=None` keeps an existing file's.

    Of a symbolic link, the file that it leads to is replaced.
    Raises StorageFull when the disk has no room or refuses; then the old file stands untouched.
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
    """Give the content of a file a second name that later replacements of the first do not touch."""
    with _fresh_name(target) as fresh, named_storage_errors(target):
        try:
            # A link costs no space, and is safe because state files are only ever replaced, never written in place.
            os.link(source, fresh)
            os.chmod(fresh, PRIVATE_FILE_MODE)
        except OSError:
            write_atomically(fresh, source.read_bytes())
        os.replace(fresh, target)
        sync_folder(target.parent)


@contextlib.contextmanager
def _fresh_name(path: Path) -> Generator[Path, None, None]:
    """A free name beside a file, for what is to take its place; nothing of that name is left behind."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with contextlib.suppress(OSError):
        fresh.unlink()
    try:
        yield fresh
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte at the file's position; the kernel may take them in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk: without it, a rename may be undone by a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def named_storage_errors(path: Path) -> Generator[None, None, None]:
    """Turn an OSError that means "no room" or "not allowed" into one StorageFull line with the path."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull(f"cannot write {path}: {error.strerror}; what was there before is unchanged") from error
        raise
