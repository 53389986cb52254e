"""Cloud time, which runs at any speed or moves only by hand, and RFC 3339."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|z|[+-]\d\d:[0-5]\d)", re.ASCII)


class Clock:
    """Cloud time in seconds since 1970; `speed` cloud seconds pass per second of the machine, none when it is 0.

    Cloud time is a straight line over wall time between two adjustments, so three numbers restore it after a restart.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.base_wall = time.time()
        self.base_cloud = self.base_wall

    def now(self) -> float:
        """The present cloud time."""
        return self.base_cloud + (time.time() - self.base_wall) * self.speed

    def wall_at(self, cloud_time: float) -> float:
        """The wall time at which `cloud_time` was reached; never before the last adjustment, never ahead of now."""
        wall_now = time.time()
        if self.speed <= 0:
            return wall_now
        return min(max(self.base_wall, self.base_wall + (cloud_time - self.base_cloud) / self.speed), wall_now)

    def advance(self, seconds: float) -> None:
        """Let `seconds` of cloud time pass at once."""
        self._rebase(self.now() + seconds)

    def set_speed(self, speed: float) -> None:
        """Let `speed` cloud seconds pass per wall second from now on."""
        self._rebase(self.now())
        self.speed = speed

    def state(self) -> dict[str, float]:
        """What `restore` takes."""
        return {"speed": self.speed, "base_wall": self.base_wall, "base_cloud": self.base_cloud}

    def restore(self, state: dict[str, float]) -> None:
        """Continue from a saved state: cloud time has passed while the simulator was down, unless its speed is 0."""
        self.speed, self.base_wall, self.base_cloud = state["speed"], state["base_wall"], state["base_cloud"]

    def _rebase(self, cloud_time: float) -> None:
        self.base_wall, self.base_cloud = time.time(), cloud_time


def rfc3339(instant: float) -> str:
    """`instant` in UTC with a `Z`, in whole seconds or milliseconds."""
    moment = datetime.fromtimestamp(round(instant, 3), timezone.utc)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> float | None:
    """Seconds since 1970, or None if `text` is not an RFC 3339 instant with an offset."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    whole, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    if offset not in ("Z", "z"):
        sign = -1 if offset[0] == "-" else 1
        try:
            moment -= sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
        except OverflowError:
            return None
    return moment.timestamp() + float(fraction or 0)
