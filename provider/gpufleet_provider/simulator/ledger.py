"""The ledger: everything that was ever created, what it cost, and how many of a name existed at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from gpufleet_provider.simulator.clock import rfc3339
from gpufleet_provider.simulator.record import Record


def ledger_line(cloud: str, record: Record, now: float) -> dict[str, Any]:
    """One line of the ledger.

    `*_at` are cloud time in RFC 3339, `*_wall` the machine's time in seconds since 1970, `provisioning_seconds` wall
    time, `cost` dollars up to `now`. `delete_requested_at` is when the delete was accepted, `deleted_at` when it was
    done.
    """
    wall = {"created": record.created, "ready": record.ready, "deleted": record.gone}
    fields = record.ledger_fields()
    return {
        "cloud": cloud,
        "id": record.id,
        "name": record.name,
        **fields,
        "status": "deleted" if record.gone else fields["status"],
        "created_at": rfc3339(record.created.cloud),
        "ready_at": rfc3339(record.ready.cloud) if record.ready else None,
        "delete_requested_at": rfc3339(record.delete_requested.cloud) if record.delete_requested else None,
        "deleted_at": rfc3339(record.gone.cloud) if record.gone else None,
        "deleted_because": record.gone_because or None,
        **{f"{what}_wall": stamp.wall if stamp else None for what, stamp in wall.items()},
        "provisioning_seconds": round(record.ready.wall - record.created.wall, 3) if record.ready else None,
        "cost": round(record.meter.dollars(now), 4),
    }


def live_history(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per cloud and name: every cluster that had it, and the largest number of them at any one moment.

    A cluster counts from its creation until its delete is done, so one that is still `Deleting` counts.
    """
    clusters: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        keys = ("id", "created_at", "deleted_at", "created_wall", "deleted_wall")
        clusters[line["cloud"], line["name"]].append({key: line[key] for key in keys})
    return [
        {"cloud": cloud, "name": name, "max_live": _most_at_once(those), "clusters": those}
        for (cloud, name), those in clusters.items()
    ]


def _most_at_once(clusters: list[dict[str, Any]]) -> int:
    ends = [(cluster["deleted_at"], -1) for cluster in clusters if cluster["deleted_at"] is not None]
    moments = sorted([*((cluster["created_at"], 1) for cluster in clusters), *ends])
    most = living = 0
    for _, change in moments:
        living += change
        most = max(most, living)
    return most
