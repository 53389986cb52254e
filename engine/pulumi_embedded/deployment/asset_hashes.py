"""Hashes of assets and archives, by which a changed file is a change of the resource that has it.

The hashes are those of the Pulumi CLI, so that both engines see the same changes in one state: an asset's is the
SHA-256 of its content; an archive's is that of its file, or, for a folder and for a map of assets, of the tar file that
the CLI would make of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import posixpath
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pulumi_embedded.deployment.tar_format import TRAILER, header, padding
from pulumi_embedded.providers.provider_api import ProviderError
from pulumi_embedded.values import ARCHIVE, ASSET, SIGNATURE, Properties, PropertyValue, Secret, nested

_ARCHIVE_EXTENSIONS: Final = (".tar", ".tgz", ".tar.gz", ".zip", ".jar")
_BOOKKEEPING: Final = ".pulumi"
_CHUNK_BYTES: Final = 1 << 20
_FETCH_SECONDS: Final = 60


async def with_hashes(properties: Properties, folder: Path) -> Properties:
    """The properties with the hash of every asset and archive; their relative paths start at `folder`.

    Raises ProviderError, which names the property, for an asset that cannot be read.
    """
    if not any(_is_hashed(value) for item in properties.values() for value in nested(item)):
        return properties
    return await asyncio.to_thread(_hashed_properties, properties, folder)


def _hashed_properties(properties: Properties, folder: Path) -> Properties:
    result: Properties = {}
    for key, value in properties.items():
        try:
            result[key] = _hashed(value, folder)
        except (OSError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
            raise ProviderError(f"failed to compute the hash of the asset or archive {key!r}: {error}") from None
    return result


def _is_hashed(value: PropertyValue) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) in (ASSET, ARCHIVE)


def _hashed(value: PropertyValue, folder: Path) -> PropertyValue:
    if isinstance(value, Secret):
        return Secret(_hashed(value.element, folder))
    if isinstance(value, list):
        return [_hashed(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {key: _hashed(item, folder) for key, item in value.items()}
    if not _is_hashed(value):
        return fields
    if not fields.get("hash"):
        digest = hashlib.sha256()
        content = _asset(fields, folder) if fields[SIGNATURE] == ASSET else _archive(fields, folder)
        for chunk in content:
            digest.update(chunk)
        fields["hash"] = digest.hexdigest()
    # As in the CLI's states, in which an empty field is absent.
    return {key: item for key, item in fields.items() if item not in ("", None)}


def _text(fields: Properties, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


# --- assets -----------------------------------------------------------------------------------------------------------


def _asset(fields: Properties, folder: Path) -> Iterator[bytes]:
    if path := _text(fields, "path"):
        yield from _file(folder / path)
    elif uri := _text(fields, "uri"):
        yield _fetched(uri)
    else:
        yield _text(fields, "text").encode(errors="surrogatepass")


def _file(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        raise ValueError(f"{path} is a folder; use an archive for it")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _fetched(uri: str) -> bytes:
    scheme = urlsplit(uri).scheme
    if scheme not in ("http", "https", "file"):
        raise ValueError(f"{uri}: only the URI schemes http, https and file are supported")
    try:
        with contextlib.closing(urllib.request.urlopen(uri, timeout=_FETCH_SECONDS)) as response:
            return response.read()
    except urllib.error.URLError as error:
        raise ValueError(f"cannot fetch {uri}: {error.reason}") from None


# --- archives ---------------------------------------------------------------------------------------------------------


def _archive(fields: Properties, folder: Path) -> Iterator[bytes]:
    """The content whose hash is the archive's: a file as it is, and all else as one tar file."""
    path, uri = _text(fields, "path"), _text(fields, "uri")
    if path.endswith(_ARCHIVE_EXTENSIONS):
        yield from _file(folder / path)
    elif not path and uri:
        yield _fetched_archive(uri)
    else:
        seen: set[str] = set()
        for name, content in _members(fields, folder):
            if name not in seen:
                seen.add(name)
                yield header(name, len(content)) + content + padding(len(content))
        yield TRAILER


def _fetched_archive(uri: str) -> bytes:
    if not urlsplit(uri).path.endswith(_ARCHIVE_EXTENSIONS):
        raise ValueError(f"{uri} is not a recognized archive format ({', '.join(_ARCHIVE_EXTENSIONS)})")
    return _fetched(uri)


def _members(fields: Properties, folder: Path) -> Iterator[tuple[str, bytes]]:
    path, uri = _text(fields, "path"), _text(fields, "uri")
    if path.endswith(_ARCHIVE_EXTENSIONS):
        yield from _unpacked(path, (folder / path).read_bytes())
    elif path:
        root = folder / path
        if not root.is_dir():
            root.stat()  # A path that does not exist is named by its own error.
            raise ValueError(f"{root} is neither a folder nor one of {', '.join(_ARCHIVE_EXTENSIONS)}")
        for file in _files(root):
            yield file.relative_to(root).as_posix(), file.read_bytes()
    elif uri:
        yield from _unpacked(urlsplit(uri).path, _fetched_archive(uri))
    else:
        assets = fields.get("assets")
        for name, member in sorted(assets.items()) if isinstance(assets, dict) else ():
            if not isinstance(member, dict):
                raise ValueError(f"the archive's member {name!r} is neither an asset nor an archive")
            if member.get(SIGNATURE) == ASSET:
                yield name, b"".join(_asset(member, folder))
            else:
                for inner, content in _members(member, folder):
                    yield posixpath.normpath(posixpath.join(name, inner)), content


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder in the CLI's order; a link to a file counts as the file, one to a folder is left out."""
    for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)):
        if entry.name == _BOOKKEEPING:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif not entry.is_dir():
            yield Path(entry.path)


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if name.endswith((".zip", ".jar")):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield posixpath.normpath(info.filename), archive.read(info)
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield posixpath.normpath(member.name), file.read()
