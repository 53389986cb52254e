"""Collects the diagnostics of each resource, to print them at the end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pulumi_embedded import urn as urns
from pulumi_embedded.display.labels import short_type

if TYPE_CHECKING:
    from pulumi_embedded.steps.events import Diagnostic

_KEPT_PER_RESOURCE: Final = 500


@dataclass(slots=True)
class _Messages:
    kept: deque[str] = field(default_factory=lambda: deque[str](maxlen=_KEPT_PER_RESOURCE))
    total: int = 0


class DiagnosticsLog:
    """The diagnostics of one deployment that are not ephemeral, by resource; at most the latest 500 of each.

    `stack` is the URN of the stack itself, whose diagnostics are those without a URN.
    """

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._messages: dict[str, _Messages] = {}
        self._errored: set[str] = set()

    @property
    def errored(self) -> int:
        """The number of resources that had an error; the stack counts as one."""
        return len(self._errored)

    def add(self, event: Diagnostic) -> None:
        """Keep the diagnostic, unless it is ephemeral or a debug message."""
        if event.ephemeral or event.severity == "debug" or not event.message.strip():
            return
        urn = event.urn or self._stack
        if event.severity == "error":
            self._errored.add(urn)
        messages = self._messages.setdefault(urn, _Messages())
        messages.total += 1
        messages.kept.append(f"{event.prefix}{event.message.rstrip()}")

    def lines(self) -> list[str]:
        """The lines to print at the end: one block per resource, the stack's first."""
        if not self._messages:
            return []
        result = ["", "Diagnostics:"]
        for urn, messages in sorted(self._messages.items(), key=lambda item: (item[0] != self._stack, item[0])):
            result.append(f"  {short_type(urn)} ({urns.name_of(urn)}):")
            if messages.total > len(messages.kept):
                result.append(f"    … {messages.total - len(messages.kept)} earlier messages are not repeated")
            for text in messages.kept:
                result.extend(f"    {line}" for line in text.splitlines())
            result.append("")
        return result[:-1]
