"""The events of a deployment, which displays listen to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from pulumi_embedded.steps.secret_texts import SecretTexts

if TYPE_CHECKING:
    from pulumi_embedded.steps.steps import Step

Severity = Literal["debug", "info", "info#err", "warning", "error"]
Result = Literal["succeeded", "failed", "canceled"]


class Refused(Exception):
    """The deployment cannot continue; every reason was reported as an error event."""


@dataclass(slots=True)
class Prelude:
    """The deployment begins. Secret config values are `[secret]`."""

    config: dict[str, str]


@dataclass(slots=True)
class Diagnostic:
    """A message to the user, about one resource if it has a URN. An ephemeral one is not repeated at the end."""

    severity: Severity
    message: str
    urn: str = ""
    ephemeral: bool = False
    stream_id: int = 0

    @property
    def prefix(self) -> str:
        """The severity as text before the message."""
        return "" if self.severity in ("info", "info#err") else f"{self.severity}: "


@dataclass(slots=True)
class StepBegins:
    """A step begins, or would begin if this is a preview."""

    step: Step
    planning: bool


@dataclass(slots=True)
class StepEnds:
    """A step succeeded, or a component registered its outputs. In a `refresh`, `op` is the change that was found."""

    step: Step
    op: str
    planning: bool


@dataclass(slots=True)
class StepFails:
    """A step failed; a diagnostic says why. `status` is one of `provider_api.STATUS_*`."""

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
    """Passes events to listeners, which are called synchronously and must return quickly."""

    listeners: list[Listener] = field(default_factory=list[Listener])
    secrets: SecretTexts = field(default_factory=SecretTexts)
    """What listeners do not get to see."""
    errors: int = 0
    started: float = field(default_factory=time.monotonic)

    def emit(self, event: Event) -> None:
        """Call every listener with the event."""
        if isinstance(event, Diagnostic) and event.severity == "error":
            self.errors += 1
        if self.secrets:
            event = self._without_secrets(event)
        for listener in self.listeners:
            listener(event)

    def _without_secrets(self, event: Event) -> Event:
        if isinstance(event, Diagnostic):
            return replace(event, message=self.secrets.text(event.message))
        if isinstance(event, StepBegins | StepEnds | StepFails):
            return replace(event, step=self.secrets.step(event.step))
        return event

    def error(self, message: str, urn: str = "") -> None:
        """Report an error."""
        self.emit(Diagnostic("error", message, urn))

    def warning(self, message: str, urn: str = "") -> None:
        """Report a warning."""
        self.emit(Diagnostic("warning", message, urn))

    def output(self, stream: Literal["stdout", "stderr"], line: str) -> None:
        """Report a line that the program or a plugin printed."""
        self.emit(Diagnostic("info" if stream == "stdout" else "info#err", line))

    def info(self, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
        """Report a message that is neither an error nor a warning."""
        self.emit(Diagnostic("info", message, urn, ephemeral))
