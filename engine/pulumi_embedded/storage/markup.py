"""YAML and JSON files that users write: read, and written with their comments and order kept."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from pulumi_embedded.errors import ProjectError
from pulumi_embedded.storage.durable import make_private_folder, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file, which may be changed and passed to `write_mapping`; empty for an empty file.

    Raises ProjectError, or FileNotFoundError.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document: object = json.loads(text) if path.suffix == ".json" else _load(text)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error
    except (YAMLError, ValueError) as error:
        raise ProjectError(f"{path}: {' '.join(str(error).split())}") from error
    if document is None:
        return cast("dict[str, Any]", CommentedMap())
    if not isinstance(document, dict):
        raise ProjectError(f"{path}: expected `key: value` lines, found a {type(document).__name__}")
    return cast("dict[str, Any]", document)


def write_mapping(path: Path, document: dict[str, Any]) -> None:
    """Write the mapping with the comments that it was read with; keeps the file's mode. Raises StorageFull."""
    text = json.dumps(document, indent=4) + "\n" if path.suffix == ".json" else _dump(document)
    make_private_folder(path.parent)
    write_atomically(path, text.encode(), mode=None)


def plain(node: object) -> Any:
    """A value that was read as plain Python, with keys and dates as strings."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in cast("dict[Any, object]", node).items()}
    if isinstance(node, list):
        return [plain(item) for item in cast("list[object]", node)]
    # ruamel's numbers and strings are subclasses that keep their notation.
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return None if node is None else str(node)


def as_yaml_string(text: str) -> str:
    """The text, which is written in quotes if a YAML reader could take it for another type."""
    return text if text[:1].isalpha() else DoubleQuotedScalarString(text)


def _load(text: str) -> object:
    return _yaml().load(text)  # pyright: ignore[reportUnknownMemberType]


def _dump(document: dict[str, Any]) -> str:
    if not document:
        return ""
    stream = io.StringIO()
    _yaml().dump(document, stream)  # pyright: ignore[reportUnknownMemberType]
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
