"""`UnfinishedWait`: why a resource is not ready, as it stands in users' state under the hidden output `__wait`.

The property is an object with `state` ("pending" or "failed"), `words`, `during` ("create" until the resource has been
ready once, "update" afterwards), during an update `asked`, and, while the cloud has not shown the resource,
`accepted_unix_seconds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import WAIT


@dataclass(frozen=True)
class UnfinishedWait:
    """Why a resource is not ready, and what the next `pulumi up` does about it."""

    state: Literal["pending", "failed"]
    """Pending: the next `pulumi up` goes on waiting. Failed: it replaces the resource."""
    message: str
    during: Literal["create", "update"] = "update"
    """`create` until it has been ready once; from then on it may hold work, and no failure replaces it."""
    accepted_unix_seconds: float | None = None
    """When the cloud accepted the create of a resource that it has not shown since; None once it has."""
    asked: tuple[str, ...] | None = None
    """The inputs that an update has changed, which alone are waited for; None where the state does not say."""

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> UnfinishedWait | None:
        """Return the unfinished wait of a resource by its outputs; None if it was ready. Never raises.

        A value that this version does not understand is read as the harmless one: go on waiting, replace nothing.
        """
        return cls.from_property(outputs.get(WAIT))

    @classmethod
    def from_property(cls, value: Any) -> UnfinishedWait | None:
        """Return what the hidden output holds; None for an absent or empty one. Never raises."""
        if not value:
            return None
        found: Properties = cast(Properties, value) if isinstance(value, dict) else {}
        return cls(
            state="failed" if found.get("state") == "failed" else "pending",
            message=str(found.get("words") or "the state does not say why"),
            during="create" if found.get("during") == "create" else "update",
            accepted_unix_seconds=_time(found.get("accepted_unix_seconds")),
            asked=_names(found.get("asked")),
        )

    def to_property(self) -> Properties:
        """Return the object that stands in the state."""
        known: Properties = {"state": self.state, "words": self.message, "during": self.during}
        if self.accepted_unix_seconds is not None:
            known["accepted_unix_seconds"] = self.accepted_unix_seconds
        if self.asked is not None and self.during == "update":
            known["asked"] = list(self.asked)
        return known


def _names(value: Any) -> tuple[str, ...] | None:
    return tuple(map(str, cast("list[Any]", value))) if isinstance(value, list) else None


def _time(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and 0 < value < 1e12 else None
