"""`Operation`: one call at work on one kind of resource in the account that the call names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gpufleet_provider.http.accounts import Setting
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.run_memory import RunMemory
from gpufleet_provider.waiting.watcher import Watcher


@dataclass(frozen=True)
class Operation:
    """One call at work on one kind of resource in one account."""

    lifecycle: Lifecycle[Any]
    client: CloudClient
    watcher: Watcher
    memory: RunMemory
    call: Call

    @property
    def token(self) -> str:
        """`<cloud>:<Resource>`."""
        return self.lifecycle.token

    def id_of(self, raw: Properties) -> str:
        """Return the id in a raw reply."""
        return str(raw.get(self.lifecycle.id_field, ""))

    def remember(self, id: str) -> None:
        """Remember that the state holds an id for this resource: nothing else takes it over."""
        self.memory.remember(id, self.call.urn)


def poll_seconds(setting: Setting) -> float | None:
    """Return `gpufleet:pollSeconds`, or None for an interval that adapts to age; raises Refusal if it is invalid."""
    text = setting("gpufleet:pollSeconds")
    try:
        seconds = float(text) if text else None
    except ValueError:
        seconds = math.nan
    if seconds is not None and not 0 < seconds <= 3600:
        raise Refusal(f"gpufleet:pollSeconds must be a number of seconds from above 0 to 3600, got {text!r}")
    return seconds
