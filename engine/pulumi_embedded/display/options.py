"""What a display shows: of which deployment, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pulumi_embedded.steps.events import Diagnostic

_TITLES: Final = {
    ("update", True): "Previewing update",
    ("update", False): "Updating",
    ("refresh", True): "Previewing refresh",
    ("refresh", False): "Refreshing",
    ("resource-import", True): "Previewing import",
    ("resource-import", False): "Importing",
    ("destroy", True): "Previewing destroy",
    ("destroy", False): "Destroying",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """The deployment that is shown."""

    kind: str
    project: str
    stack: str
    preview: bool

    @property
    def title(self) -> str:
        """`Previewing update (dev)`."""
        return f"{_TITLES[self.kind, self.preview]} ({self.stack})"

    def worded(self, event: Diagnostic) -> Diagnostic:
        """The diagnostic; a deployment that failed is called what it is, where the engine says `update failed`."""
        verb, _, result = event.message.partition(" ")
        if event.urn or event.severity != "error" or verb != "update" or result not in ("failed", "canceled"):
            return event
        return replace(event, message=f"{self.kind.removeprefix('resource-')} {result}")


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How much is shown."""

    show_diff: bool = False
    """The changes of every property."""
    show_secrets: bool = False
    """Secret outputs of the stack in plaintext."""
    suppress_outputs: bool = False
    """No outputs of the stack."""
