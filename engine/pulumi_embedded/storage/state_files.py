"""The backend's JSON files, plain or compressed with gzip, and the backup beside each."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, cast

from pulumi_embedded.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

_GZIP_MAGIC: Final = b"\x1f\x8b"


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises FileNotFoundError, or StateError for a file that cannot be read as one."""
    data = path.read_bytes()
    try:
        content: object = json.loads(gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data)
    except (ValueError, OSError, EOFError) as error:
        raise StateError(f"{path}: damaged ({error}); the previous state is in {backup_path(path).name}") from error
    if not isinstance(content, dict):
        raise StateError(f"{path}: not a JSON object")
    return cast("dict[str, Any]", content)


def encode_document(document: dict[str, Any], path: Path) -> bytes:
    """The content of the file at `path` that holds this document: compressed if the path ends in `.gz`."""
    try:
        data = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        # A string with a lone surrogate has no UTF-8 form, only an escaped one.
        data = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    return gzip.compress(data, mtime=0) if path.suffix == ".gz" else data


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def backup_path(path: Path) -> Path:
    """The file that holds the previous content: `<name>.bak`."""
    return with_extension(path, ".bak")


def with_extension(path: Path, extension: str) -> Path:
    """The path with an extension added, not replaced."""
    return path.with_name(path.name + extension)
