"""What happens in a deployment, as it happens; displays and logs listen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pulumi_embedded.steps.steps import Step

Severity = Literal["debug", "info", "info#err", "warning", "error"]
Result = Literal["succeeded", "failed", "canceled"]


class Refused(Exception):
    """The deployment cannot continue; every reason was reported as an error event."""


@dataclass(slots=True)
class Prelude:
    """A deployment begins. Secret config is `[secret]`."""

    config: dict[str, str]


@dataclass(slots=True)
class Diagnostic:
    """Something to tell the user, about one resource if it has a URN. Ephemeral ones are progress, not for the end."""

    severity: Severity
    message: str
    urn: str = ""
    ephemeral: bool = False
    stream_id: int = 0

    @property
    def prefix(self) -> str:
        """What stands before the message."""
        return "" if self.severity in ("info", "info#err") else f"{self.severity}: "


@dataclass(slots=True)
class StepBegins:
    """A step begins, or would begin if this is a preview."""

    step: Step
    planning: bool


@dataclass(slots=True)
class StepEnds:
    """A step is done, or a component has its outputs. A refresh ends as the change that it found."""

    step: Step
    op: str
    planning: bool


@dataclass(slots=True)
class StepFails:
    """A step has failed; a diagnostic says why. Status 3 means that nobody knows what became of the resource."""

    step: Step
    status: int
    steps_done: int


@dataclass(slots=True)
class Summary:
    """The deployment is over."""

    changes: dict[str, int]
    duration_seconds: float
    is_preview: bool
    result: Result
    maybe_corrupt: bool = False


Event: TypeAlias = Prelude | Diagnostic | StepBegins | StepEnds | StepFails | Summary
Listener: TypeAlias = Callable[[Event], None]


@dataclass(slots=True)
class Events:
    """Where a deployment tells what it does. Listeners are called at once, on its own thread, and must be quick."""

    listeners: list[Listener] = field(default_factory=list[Listener])
    errors: int = 0
    started: float = field(default_factory=time.monotonic)

    def emit(self, event: Event) -> None:
        """Tell every listener."""
        if isinstance(event, Diagnostic) and event.severity == "error":
            self.errors += 1
        for listener in self.listeners:
            listener(event)

    def error(self, message: str, urn: str = "") -> None:
        """Tell an error."""
        self.emit(Diagnostic("error", message, urn))

    def warning(self, message: str, urn: str = "") -> None:
        """Tell a warning."""
        self.emit(Diagnostic("warning", message, urn))

    def output(self, stream: Literal["stdout", "stderr"], line: str) -> None:
        """Report a line that the program or a plugin printed."""
        self.emit(Diagnostic("info" if stream == "stdout" else "info#err", line))

    def info(self, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
        """Tell something that is neither."""
        self.emit(Diagnostic("info", message, urn, ephemeral))
