"""Amounts of money, in one currency or in several that are never mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

HOURS_PER_MONTH = 730
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Money:
    """An amount in each of some currencies; the empty one is zero."""

    amounts: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Money:
        """Return an amount in one currency."""
        return cls({currency: amount})

    def __add__(self, other: Money) -> Money:
        keys = {**self.amounts, **other.amounts}
        return Money({key: self.in_(key) + other.in_(key) for key in keys})

    def __sub__(self, other: Money) -> Money:
        return self + other * -1

    def __mul__(self, factor: int | Decimal) -> Money:
        return Money({key: amount * factor for key, amount in self.amounts.items()})

    def in_(self, currency: str) -> Decimal:
        """Return the part in one currency."""
        return self.amounts.get(currency, Decimal(0))

    @property
    def largest(self) -> Decimal:
        """The largest of its parts, as a number: what it is compared by."""
        return max(self.amounts.values(), default=Decimal(0))

    def text(self, *, signed: bool = False) -> str:
        """Return it for people, such as `$1,234.50`, `+$3.00` or `$1.00 + €2.00`."""
        parts = [
            _text(amount, currency, signed=signed)
            for currency, amount in sorted(self.amounts.items())
            if amount or len(self.amounts) == 1
        ]
        return " and ".join(parts) or "$0.00"

    def numbers(self) -> dict[str, float]:
        """Return each part rounded to cents, for JSON."""
        return {key: float(_rounded(amount)) for key, amount in sorted(self.amounts.items())}


def _text(amount: Decimal, currency: str, *, signed: bool) -> str:
    rounded = _rounded(amount)
    sign = "-" if rounded < 0 else "+" if signed and rounded > 0 else ""
    symbol = _SYMBOLS.get(currency)
    digits = f"{abs(rounded):,.2f}"
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {currency}"


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)
