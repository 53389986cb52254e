"""The tags of a stack: names and values in the CLI's own file, `<stack>.pulumi-tags` beside the checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from pulumi_embedded.errors import StateError
from pulumi_embedded.storage.durable import write_atomically
from pulumi_embedded.storage.state_files import encode_document, read_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_VERSION: Final = 1


def read_tags(path: Path) -> dict[str, str]:
    """The tags in the file; none if there is no file. Raises StateError for another version of the format."""
    try:
        document = read_document(path)
    except FileNotFoundError:
        return {}
    if document.get("version") != _VERSION:
        raise StateError(f"{path}: the version {document.get('version')!r} of stack tags is not supported")
    tags = cast("dict[object, object]", document.get("tags") or {})
    return {str(name): str(value) for name, value in tags.items()}


def write_tags(path: Path, tags: Mapping[str, str]) -> None:
    """Replace the tags in the file; without tags, there is no file. Raises StorageFull."""
    if tags:
        write_atomically(path, encode_document({"version": _VERSION, "tags": dict(tags)}, path))
    else:
        path.unlink(missing_ok=True)
    # The CLI's checksum of the previous file would be wrong now.
    path.with_name(path.name + ".attrs").unlink(missing_ok=True)
