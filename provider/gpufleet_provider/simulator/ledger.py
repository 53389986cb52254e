"""Everything that was ever created, what it cost, and how many of a name lived at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from gpufleet_provider.simulator.clock import rfc3339
from gpufleet_provider.simulator.world import Record


def entry(cloud: str, record: Record, status: str, now: float, **more: Any) -> dict[str, Any]:
    """One line of the ledger.

    `*_at` are cloud time in RFC 3339, `*_wall` the machine's time in seconds since 1970, `provisioning_seconds` wall
    time, `cost` dollars up to now. `deleted_at` is when the cloud had let go of it, `delete_requested_at` when it was
    told to.
    """
    wall = {"created": record.created, "ready": record.ready, "deleted": record.gone}
    return {
        "cloud": cloud,
        "id": record.id,
        "name": record.name,
        "status": "deleted" if record.gone else status,
        **more,
        "created_at": rfc3339(record.created.cloud),
        "ready_at": rfc3339(record.ready.cloud) if record.ready else None,
        "delete_requested_at": rfc3339(record.delete_requested.cloud) if record.delete_requested else None,
        "deleted_at": rfc3339(record.gone.cloud) if record.gone else None,
        "deleted_because": record.gone_because or None,
        **{f"{what}_wall": stamp.wall if stamp else None for what, stamp in wall.items()},
        "provisioning_seconds": round(record.ready.wall - record.created.wall, 3) if record.ready else None,
        "cost": round(record.meter.dollars(now), 4),
    }


def live_history(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per cloud and name: every life, and the largest number of them at any one moment.

    A cluster lives from its creation until the cloud has let go of it, so one that is still `Deleting` counts.
    """
    lives: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in entries:
        keys = ("id", "created_at", "deleted_at", "created_wall", "deleted_wall")
        lives[line["cloud"], line["name"]].append({key: line[key] for key in keys})
    return [
        {"cloud": cloud, "name": name, "max_live": _most_at_once(those), "clusters": those}
        for (cloud, name), those in lives.items()
    ]


def _most_at_once(lives: list[dict[str, Any]]) -> int:
    ends = [(life["deleted_at"], -1) for life in lives if life["deleted_at"] is not None]
    moments = sorted([*((life["created_at"], 1) for life in lives), *ends])
    most = living = 0
    for _, change in moments:
        living += change
        most = max(most, living)
    return most
