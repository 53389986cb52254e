"""The generator behind `seed`: the additive lagged Fibonacci generator of Go's `math/rand`, number for number.

The plugin binary takes seeded integers and permutations from it, so a program gets the same values on either engine. Go
ships the generator's 607 starting words as a table: the state that the plain recurrence reaches after 7.8e12 steps.
Here the recurrence jumps there: `x**7.8e12` modulo its characteristic polynomial, over the integers modulo 2**64.
"""

from __future__ import annotations

import functools
import secrets
from typing import Final

_LENGTH: Final = 607
_TAP: Final = 273
_STEPS: Final = 7_800_000_000_000
_WORD: Final = (1 << 64) - 1
_LEHMER_MODULUS: Final = (1 << 31) - 1
_LEHMER_FACTOR: Final = 48271
_SLOT_BYTES: Final = 18  # a sum of 607 products of two 64-bit words fits


class SeededRandom:
    """Random numbers that depend only on the seed; without a seed they are different each time."""

    def __init__(self, seed: str | None) -> None:
        number = _crc64(seed.encode()) if seed else secrets.randbits(64)
        words = _lehmer(number - (1 << 64) if number >> 63 else number, (40, 20, 0))
        self._state = [word ^ cooked for word, cooked in zip(words, _cooked(), strict=True)]
        self._tap, self._feed = 0, _LENGTH - _TAP

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1; `limit` is at most 2**63 - 1."""
        bits = 31 if limit <= _LEHMER_MODULUS else 63
        highest = (1 << bits) - 1 - ((1 << bits) % limit)
        number = self._bits(bits)
        if limit & (limit - 1) == 0:
            return number & (limit - 1)
        while number > highest:
            number = self._bits(bits)
        return number % limit

    def permutation(self, length: int) -> list[int]:
        """The numbers from 0 to `length` - 1 in some order."""
        result = [0] * length
        for index in range(length):
            other = self.below(index + 1)
            result[index] = result[other]
            result[other] = index
        return result

    def _bits(self, count: int) -> int:
        self._tap = (self._tap - 1) % _LENGTH
        self._feed = (self._feed - 1) % _LENGTH
        word = (self._state[self._feed] + self._state[self._tap]) & _WORD
        self._state[self._feed] = word
        return (word & (_WORD >> 1)) >> (63 - count)


def _lehmer(seed: int, shifts: tuple[int, int, int]) -> list[int]:
    number = seed % _LEHMER_MODULUS or 89482311
    words: list[int] = []
    for index in range(-20, _LENGTH):
        word = 0
        for shift in shifts if index >= 0 else (0,):
            number = number * _LEHMER_FACTOR % _LEHMER_MODULUS
            word ^= number << shift
        if index >= 0:
            words.append(word & _WORD)
    return words


@functools.cache
def _cooked() -> tuple[int, ...]:
    # The k-th word that the recurrence writes is s[k] = s[k - 607] + s[k - 273]; it goes to place (334 - k) mod 607.
    start = _lehmer(1, (20, 10, 0))
    sequence = [start[(_LENGTH - _TAP - k) % _LENGTH] for k in range(1 - _LENGTH, 1)]
    for k in range(_LENGTH):
        sequence.append((sequence[k] + sequence[k + _LENGTH - _TAP]) & _WORD)
    jump = _power_of_x(_STEPS)
    cooked = [0] * _LENGTH
    for offset in range(_LENGTH):
        k = 1 - _LENGTH + offset + _STEPS
        word = sum(coefficient * sequence[offset + i] for i, coefficient in enumerate(jump))
        cooked[(_LENGTH - _TAP - k) % _LENGTH] = word & _WORD
    return tuple(cooked)


def _power_of_x(exponent: int) -> list[int]:
    """The coefficients of x**exponent modulo x**607 = x**334 + 1, lowest first."""
    power = [1] + [0] * (_LENGTH - 1)
    for bit in bin(exponent)[2:]:
        power = _reduced(_squared(power))
        if bit == "1":
            power = _reduced([0, *power])
    return power


def _squared(polynomial: list[int]) -> list[int]:
    # All coefficients side by side in one integer, so that one multiplication does the work of 607 * 607.
    packed = int.from_bytes(b"".join(c.to_bytes(_SLOT_BYTES, "little") for c in polynomial), "little")
    size = 2 * len(polynomial) * _SLOT_BYTES
    product = (packed * packed).to_bytes(size, "little")
    return [int.from_bytes(product[i : i + 8], "little") for i in range(0, size, _SLOT_BYTES)]


def _reduced(polynomial: list[int]) -> list[int]:
    for power in range(len(polynomial) - 1, _LENGTH - 1, -1):
        coefficient = polynomial[power]
        for lower in (power - _LENGTH, power - _TAP):
            polynomial[lower] = (polynomial[lower] + coefficient) & _WORD
    return polynomial[:_LENGTH]


def _crc64(data: bytes) -> int:
    """The CRC-64 of ISO 3309, which turns a seed text into a number."""
    checksum = _WORD
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = (checksum >> 1) ^ (0xD800000000000000 if checksum & 1 else 0)
    return checksum ^ _WORD
