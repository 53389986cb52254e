"""The headers of a tar file, byte for byte as Go's `archive/tar` writes them, on which the CLI's hashes depend."""

from __future__ import annotations

import posixpath
from typing import Final

_BLOCK_BYTES: Final = 512
_NAME_BYTES: Final = 100
_PREFIX_BYTES: Final = 155
_LARGEST_SIZE: Final = 0o77777777777

TRAILER: Final = bytes(2 * _BLOCK_BYTES)
"""The end of a tar file."""


def padding(size: int) -> bytes:
    """The zeros after a content of `size` bytes."""
    return bytes(-size % _BLOCK_BYTES)


def header(name: str, size: int) -> bytes:
    """The header of a file of `size` bytes with the mode 0600, without times and owner.

    It is a USTAR header, or, for a name or a size that does not fit there, a PAX header in front of one.
    """
    prefix, rest = _split(name)
    fits = name.isascii() and len(rest) <= _NAME_BYTES
    if fits and size <= _LARGEST_SIZE:
        return _block(rest, 0o600, size, b"0", prefix)
    records = b""
    if not fits:
        records += _record("path", name)
    if size > _LARGEST_SIZE:
        records += _record("size", str(size))
    folder, file = posixpath.split(name)
    extended = _ascii(posixpath.join(folder, "PaxHeaders.0", file))[:_NAME_BYTES].rstrip("/")
    return (
        _block(extended, 0, len(records), b"x", device=False)
        + records
        + padding(len(records))
        + _block(_ascii(name)[:_NAME_BYTES], 0o600, size if size <= _LARGEST_SIZE else 0, b"0")
    )


def _split(name: str) -> tuple[str, str]:
    """A long name as a prefix and a rest that fit; an empty prefix if they do not, or need not."""
    if len(name) <= _NAME_BYTES or not name.isascii():
        return "", name
    slash = name.rfind("/", 0, min(len(name), _PREFIX_BYTES + 1))
    if slash <= 0 or not 0 < len(name) - slash - 1 <= _NAME_BYTES:
        return "", name
    return name[:slash], name[slash + 1 :]


def _block(name: str, mode: int, size: int, kind: bytes, prefix: str = "", *, device: bool = True) -> bytes:
    devices = (_octal(0, 8) if device else bytes(8)) * 2
    before = name.encode().ljust(_NAME_BYTES, b"\0") + _octal(mode, 8) + _octal(0, 8) * 2
    before += _octal(size, 12) + _octal(0, 12)
    after = kind + bytes(_NAME_BYTES) + b"ustar\00000" + bytes(64) + devices
    after += prefix.encode().ljust(_PREFIX_BYTES, b"\0") + bytes(12)
    checksum = sum(before) + 8 * ord(" ") + sum(after)
    return before + _octal(checksum, 7) + b" " + after


def _octal(number: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, number)


def _record(key: str, value: str) -> bytes:
    """A PAX record, which begins with its own length."""
    content = f" {key}={value}\n".encode()
    size = len(content)
    while size != len(content) + len(str(size)):
        size = len(content) + len(str(size))
    return str(size).encode() + content


def _ascii(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter != "\0")
