"""A stack's history and the times in it, in the CLI's JSON."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pulumi_embedded.storage.stack_config import describe_value

if TYPE_CHECKING:
    from collections.abc import Callable


def update_json(update: dict[str, Any], decrypt: Callable[[str], str] | None) -> dict[str, Any]:
    """An entry of the history as `stack history --json` prints it; secrets of the config only with `decrypt`."""
    config: dict[str, Any] = update.get("config") or {}
    return {
        "version": update.get("version", 0),
        "kind": update["kind"],
        "startTime": time_text(_instant(update["startTime"])),
        "message": update.get("message", ""),
        "environment": update.get("environment") or {},
        "config": {key: describe_value(value, decrypt) for key, value in sorted(config.items())},
        "result": update["result"],
        "endTime": time_text(_instant(update["endTime"])),
        "resourceChanges": update.get("resourceChanges") or {},
    }


def time_text(time: datetime) -> str:
    """The time as the CLI writes it in JSON: `2026-11-29T18:42:32.000Z`."""
    utc = time.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
