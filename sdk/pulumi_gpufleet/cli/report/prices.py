"""What a resource costs: from what its cloud says, and from the price book that the user keeps.

No price is ever made up: what neither source has is unknown, and counted as unknown.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pulumi_gpufleet.cli.report.capacity import FREE, PREPAID, Capacity, GpuShare
from pulumi_gpufleet.cli.report.money import HOURS_PER_MONTH, Money

DEFAULT_BOOK = Path("gpufleet-prices.toml")
Billing = Literal["ON_DEMAND", "RESERVED", "SCHEDULED_CAPACITY", "PREEMPTIBLE", "CAPACITY_POOL"]
Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class UnusableBook(Exception):
    """A price book cannot be read; the message says where it is wrong."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    cloud: str
    source: Annotated[str, Field(min_length=1)]
    date: datetime.date
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    region: str | None = None


class GpuPrice(_Entry):
    """What a GPU costs."""

    gpu_type: str
    billing: Billing
    per_gpu_hour: Price


class StoragePrice(_Entry):
    """What storage costs."""

    per_tib_month: Price


class MachinePrice(_Entry):
    """What a machine costs, where the cloud does not say."""

    machine_type: str
    per_machine_hour: Price


class PriceBook(BaseModel):
    """The prices that a user keeps, each with its source and its date."""

    model_config = ConfigDict(extra="forbid")

    old_after_days: Annotated[int, Field(ge=1)] = 90
    gpu: list[GpuPrice] = Field(default_factory=list[GpuPrice])
    storage: list[StoragePrice] = Field(default_factory=list[StoragePrice])
    machine: list[MachinePrice] = Field(default_factory=list[MachinePrice])

    def is_old(self, entry: _Entry, today: datetime.date) -> bool:
        """Return whether an entry is older than the book allows."""
        return (today - entry.date).days > self.old_after_days


@dataclass(frozen=True)
class Cost:
    """What one resource costs: what is known of it, and the names of the parts that are not."""

    hourly: Money = field(default_factory=Money)
    commitment: Money = field(default_factory=Money)
    """What is prepaid for the whole term."""
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What has to be said about a price, such as that it is old."""


def read_book(path: Path | None) -> PriceBook:
    """Return the price book of a file, by default that of the folder, else an empty one; raises UnusableBook."""
    if path is None:
        if not DEFAULT_BOOK.exists():
            return PriceBook()
        path = DEFAULT_BOOK
    try:
        raw: dict[str, Any] = tomli.loads(path.read_text(encoding="utf-8"))
        book = PriceBook.model_validate(raw)
    except tomli.TOMLDecodeError as error:
        raise UnusableBook(f"{path}: it is not TOML: {error}") from None
    except UnicodeDecodeError:
        raise UnusableBook(f"{path}: it is not text in UTF-8") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{each + 1}]" if isinstance(each, int) else f".{each}" for each in first["loc"]).lstrip(".")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise UnusableBook(f"{path}: {where}: {first['msg']}{more}") from None
    for kind, keys in _keys(book):
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise UnusableBook(
                f"{path}: two entries of [[{kind}]] are for the same: {', '.join(filter(None, twice[0]))}"
            )
    return book


def _keys(book: PriceBook) -> Iterable[tuple[str, list[tuple[str, ...]]]]:
    yield "gpu", [(each.cloud, each.gpu_type, each.billing, each.region or "") for each in book.gpu]
    yield "storage", [(each.cloud, each.region or "") for each in book.storage]
    yield "machine", [(each.cloud, each.machine_type, each.region or "") for each in book.machine]


class Prices:
    """Prices resources, by a book and by what the clouds' catalogues say of machines."""

    def __init__(
        self,
        book: PriceBook,
        today: datetime.date,
        machine_cents: dict[tuple[str | None, str | None], int] | None = None,
    ) -> None:
        """Take a book, and prices per machine in cents by region (with its cloud) and type of machine."""
        self._book = book
        self._today = today
        self._machine_cents = machine_cents or {}

    def cost(self, capacity: Capacity, running: Capacity | None = None) -> Cost:
        """Return what a resource costs.

        :param running: the resource that it replaces; machines of the same type in the same place cost the same.
        """
        if capacity.token in FREE:
            return Cost()
        if capacity.cloud == "shadeform" and capacity.num_machines is not None:
            return self._machines(capacity, running)
        if capacity.cloud != "together":
            return Cost(unknown=(capacity.token,))
        found = [self._gpus(capacity, share) for share in capacity.shares]
        if capacity.shares_unknown:
            found.append(Cost(unknown=("GPUs",)))
        if capacity.storage_tib is not None or capacity.storage_unknown:
            found.append(self._storage(capacity))
        return _sum(found)

    def _gpus(self, capacity: Capacity, share: GpuShare) -> Cost:
        entry = _best(
            capacity, [it for it in self._book.gpu if (it.gpu_type, it.billing) == (capacity.gpu_type, share.billing)]
        )
        what = f"{capacity.gpu_type or 'GPUs'} {share.billing}"
        if entry is None:
            return Cost(unknown=(what,))
        per_hour = Money.of(entry.per_gpu_hour * share.num_gpus, entry.currency)
        if share.billing not in PREPAID:
            return Cost(hourly=per_hour, notes=self._notes(entry, what))
        if share.term_hours is None:
            return Cost(unknown=(f"{what}: length of the term",), notes=self._notes(entry, what))
        return Cost(commitment=per_hour * Decimal(str(share.term_hours)), notes=self._notes(entry, what))

    def _storage(self, capacity: Capacity) -> Cost:
        entry = _best(capacity, self._book.storage)
        if entry is None or capacity.storage_tib is None:
            return Cost(unknown=("storage",))
        per_month = entry.per_tib_month * Decimal(str(capacity.storage_tib))
        return Cost(hourly=Money.of(per_month / HOURS_PER_MONTH, entry.currency), notes=self._notes(entry, "storage"))

    def _machines(self, capacity: Capacity, running: Capacity | None) -> Cost:
        machines = capacity.num_machines or 0
        each = capacity.machine_cents
        if capacity.hourly_cents is not None:
            return _shown_price(capacity.hourly_cents, each, machines)
        same = running is not None and (running.region, running.gpu_type) == (capacity.region, capacity.gpu_type)
        if each is None and same and running is not None:
            each = running.machine_cents
        if each is not None:
            return Cost(hourly=_dollars(each * machines))
        entry = _best(capacity, [it for it in self._book.machine if it.machine_type == capacity.gpu_type])
        if entry is not None:
            hourly = Money.of(entry.per_machine_hour * machines, entry.currency)
            return Cost(hourly=hourly, notes=self._notes(entry, entry.machine_type))
        listed = self._machine_cents.get((capacity.region, capacity.gpu_type))
        if listed is not None:
            note = f"the catalogue's price of {capacity.gpu_type} is taken as that of one machine"
            return Cost(hourly=_dollars(listed * machines), notes=(note,) if machines > 1 else ())
        return Cost(unknown=(str(capacity.gpu_type or capacity.token),))

    def _notes(self, entry: _Entry, what: str) -> tuple[str, ...]:
        old = self._book.is_old(entry, self._today)
        return (f"the price of {what} is of {entry.date}: it may be out of date",) if old else ()


def _shown_price(hourly_cents: int, machine_cents: int | None, machines: int) -> Cost:
    """Return the price that a cloud shows; where its machines add up to more, that, with a note."""
    total = (machine_cents or 0) * machines
    if total <= hourly_cents:
        return Cost(hourly=_dollars(hourly_cents))
    shown, added = _dollars(hourly_cents).text(), _dollars(total).text()
    note = f"Shadeform shows {shown} per hour for the cluster and {added} for its machines: the latter is counted"
    return Cost(hourly=_dollars(total), notes=(note,))


def _dollars(cents: int) -> Money:
    return Money.of(Decimal(cents) / 100, "USD")


def _best(capacity: Capacity, entries: Iterable[Any]) -> Any:
    """Return the entry for the region of a resource, else the one for every region."""
    fitting = [it for it in entries if it.cloud == capacity.cloud and it.region in (None, capacity.region)]
    return next((it for it in fitting if it.region is not None), fitting[0] if fitting else None)


def _sum(costs: Iterable[Cost]) -> Cost:
    total = Cost()
    for each in costs:
        total = Cost(
            hourly=total.hourly + each.hourly,
            commitment=total.commitment + each.commitment,
            unknown=tuple(dict.fromkeys((*total.unknown, *each.unknown))),
            notes=tuple(dict.fromkeys((*total.notes, *each.notes))),
        )
    return total
