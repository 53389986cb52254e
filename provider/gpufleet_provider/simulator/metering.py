"""Costs: a meter for each record that is billed, and the account that sums them up."""

from __future__ import annotations

from pydantic import BaseModel


class Meter(BaseModel):
    """The cost of one record; it grows by `dollars_per_hour` of cloud time."""

    charged_dollars: float = 0.0
    dollars_per_hour: float = 0.0
    since: float = 0.0

    def dollars(self, now: float) -> float:
        """The cost up to `now`."""
        return self.charged_dollars + self.dollars_per_hour * max(now - self.since, 0.0) / 3600


class Account:
    """The sum of all meters of one cloud, kept as a straight line over cloud time so that no meter has to be read."""

    def __init__(self) -> None:
        self._dollars_at_zero = 0.0
        self._dollars_per_hour = 0.0

    def adopt(self, meter: Meter) -> None:
        """Add a meter that was loaded from the database."""
        self._dollars_at_zero += meter.charged_dollars - meter.dollars_per_hour * meter.since / 3600
        self._dollars_per_hour += meter.dollars_per_hour

    def set_rate(self, meter: Meter, dollars_per_hour: float, now: float) -> None:
        """Let the meter run at `dollars_per_hour` from `now` on."""
        meter.charged_dollars = meter.dollars(now)
        meter.since = now
        self._dollars_at_zero += (meter.dollars_per_hour - dollars_per_hour) * now / 3600
        self._dollars_per_hour += dollars_per_hour - meter.dollars_per_hour
        meter.dollars_per_hour = dollars_per_hour

    def charge(self, meter: Meter, dollars: float) -> None:
        """Bill a sum at once, such as the term of a reservation."""
        meter.charged_dollars += dollars
        self._dollars_at_zero += dollars

    def dollars(self, now: float) -> float:
        """The cost of everything up to `now`."""
        return self._dollars_at_zero + self._dollars_per_hour * now / 3600

    def exhausted_at(self, credits_dollars: float, now: float) -> float | None:
        """When the credits will be used up at the present rate; None if they never will."""
        left = credits_dollars - self.dollars(now)
        if left <= 1e-3:
            return now
        return now + left / self._dollars_per_hour * 3600 if self._dollars_per_hour > 1e-6 else None
