"""The prepaid term of a Together cluster: Together deletes the cluster at its end, and refunds nothing before."""

from __future__ import annotations

import datetime
from typing import Any

from gpufleet_provider.model.fields import Properties, parse_instant


def ended(inputs: Properties, outputs: Properties) -> str | None:
    """Return when the term ended, if there was one and it is over."""
    end = _end(inputs, outputs)
    return _rfc3339(end) if end is not None and end <= _now() else None


def forfeits(inputs: Properties, outputs: Properties) -> str | None:
    """Return what is left of the term, as what would be forfeited; None if nothing."""
    if not _is_prepaid(inputs, outputs):
        return None
    end = _end(inputs, outputs)
    if end is None:
        return "the rest of a prepaid term"
    return f"a term that is prepaid until {_rfc3339(end)}" if end > _now() else None


def forfeits_in_place(inputs: Properties, outputs: Properties, news: Properties) -> str | None:
    """Return how many of the prepaid GPUs an update gives up before the term ends; None if it gives up none."""
    term = forfeits(inputs, outputs)
    prepaid = _prepaid_gpus(inputs, outputs)
    # What the program has said before, or raises, gives up nothing more, however few of the prepaid GPUs run.
    fewer = [
        gpus
        for name in ("num_gpus", "num_reserved_gpus")
        if (gpus := news.get(name)) is not None and ((before := inputs.get(name)) is None or gpus < before)
    ]
    if term is None or prepaid is None or not fewer or min(fewer) >= prepaid:
        return None
    return f"{prepaid - min(fewer)} of {prepaid} prepaid GPUs, in {term}"


def _prepaid_gpus(inputs: Properties, outputs: Properties) -> int | None:
    """Return how many GPUs are prepaid: of a reservation as shown, as declared, or all of them; of a window all."""
    if (outputs.get("billing_type") or inputs.get("billing_type")) == "RESERVED":
        for gpus in (outputs.get("num_reserved_gpus"), inputs.get("num_reserved_gpus")):
            if gpus is not None:
                return gpus
    return inputs.get("num_gpus")


def _is_prepaid(inputs: Properties, outputs: Properties) -> bool:
    return (outputs.get("billing_type") or inputs.get("billing_type")) in ("RESERVED", "SCHEDULED_CAPACITY")


def _end(inputs: Properties, outputs: Properties) -> datetime.datetime | None:
    """Return when the term ends: as shown, as declared, or computed from its start and length."""
    if not _is_prepaid(inputs, outputs):
        return None
    for text in (outputs.get("reservation_end_time"), inputs.get("reservation_end_time")):
        if (end := _instant(text)) is not None:
            return end
    begin = _instant(outputs.get("reservation_start_time")) or _instant(outputs.get("created_at"))
    hours = outputs.get("duration_hours") or 24 * (inputs.get("duration_days") or 0)
    return begin + datetime.timedelta(hours=hours) if begin is not None and hours else None


def _instant(text: Any) -> datetime.datetime | None:
    try:
        return parse_instant(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _rfc3339(instant: datetime.datetime) -> str:
    return instant.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _now() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.timezone.utc)
