"""Config values that look like secrets, which `config set` stores in plaintext only if it is told to.

As in the Pulumi CLI, the name of the key must speak of a secret, and the first 16 characters of the value must be hard
to guess: 80 bits, or 40 with 3 a character. The CLI estimates the bits with dictionaries; here whatever could be
pronounced counts as a word, so the two differ on a few values that are made of words.
"""

from __future__ import annotations

import math
import re
from typing import Final

_NAMES: Final = re.compile(r"(?i)pass|pwd|secret|token")
_PIECES: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|.", re.DOTALL)
_CLASSES: Final = ((re.compile(r"[a-z]"), 26), (re.compile(r"[A-Z]"), 26), (re.compile(r"[0-9]"), 10))
_SYMBOLS: Final = 33
_UNPRONOUNCEABLE: Final = re.compile(r"[^aeiouy]{4}|[aeiou]{3}|^[^aeiouy]+$|^[aeiou]+$")
_SEQUENCES: Final = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")

_CHECKED_CHARACTERS: Final = 16
_SHORTEST_WORD: Final = 4
_SHORTEST_WORD_ALONE: Final = 2
_WORD_BITS: Final = 8.0
_COMMON_WORD_LETTERS: Final = 6
_BITS_PER_FURTHER_LETTER: Final = 2.0
_SHORTEST_SEQUENCE: Final = 4
_SEQUENCE_BITS: Final = 6.0


def looks_like_secret(name: str, value: str) -> bool:
    """Whether a config value looks like a secret; `name` is the key without its namespace."""
    if not _NAMES.search(name):
        return False
    checked = value[:_CHECKED_CHARACTERS]
    bits = _guessing_bits(checked)
    return bits >= 80 or (bits >= 40 and bits / len(checked) >= 3)


def _guessing_bits(text: str) -> float:
    alphabet = sum(size for letters, size in _CLASSES if letters.search(text))
    if any(not letter.isalnum() or not letter.isascii() for letter in text):
        alphabet += _SYMBOLS
    rest, bits = _without_sequences(text)
    for match in _PIECES.finditer(rest):
        piece = match[0]
        around = rest[max(0, match.start() - 1) : match.start()] + rest[match.end() : match.end() + 1]
        shortest = _SHORTEST_WORD if any(letter.isalnum() for letter in around) else _SHORTEST_WORD_ALONE
        if piece.isalpha() and len(piece) >= shortest and not _UNPRONOUNCEABLE.search(piece.lower()):
            bits += _WORD_BITS + _BITS_PER_FURTHER_LETTER * max(0, len(piece) - _COMMON_WORD_LETTERS)
        else:
            bits += len(piece) * math.log2(alphabet)
    return bits


def _without_sequences(text: str) -> tuple[str, float]:
    """The text without runs such as `1234`, `qwer` or `aaaa`, and the bits that they count for."""
    kept: list[str] = []
    bits, start = 0.0, 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _is_sequence(text[start : end + 1]):
            end += 1
        if end - start >= _SHORTEST_SEQUENCE:
            bits += _SEQUENCE_BITS
        else:
            kept.append(text[start:end])
        start = end
    return "".join(kept), bits


def _is_sequence(text: str) -> bool:
    folded = text.lower() if text.isupper() else text
    return len(set(folded)) == 1 or any(folded in sequence for sequence in _SEQUENCES)
