"""The call that the engine is making now: what the plain contract does not tell a provider, where it is known."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from gpufleet_provider.plugin import engine_log


def _silent(_words: str) -> None:
    """On the stock server a call does not know its URN: a progress line without one would be noise."""


@dataclass(frozen=True)
class Call:
    """One call of the engine: its resource, its time limit in seconds (None: the default), and where words go."""

    urn: str = ""
    timeout_seconds: float | None = None
    progress: Callable[[str], None] = _silent
    warn: Callable[[str], None] = engine_log.warn


CALL: ContextVar[Call] = ContextVar("CALL", default=Call())  # noqa: B039  (immutable)
