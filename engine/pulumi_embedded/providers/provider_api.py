"""What the engine asks of a provider, whichever process it lives in, and what it gets back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pulumi_embedded.values import Properties

Change = Literal["none", "some", "unknown"]
DiffKind = Literal["add", "add-replace", "delete", "delete-replace", "update", "update-replace"]

STATUS_OK = 0
STATUS_PARTIAL_FAILURE = 1
STATUS_UNKNOWN = 2


class ProviderError(Exception):
    """A provider refused or failed; the text is for the user. `status` says whether the resource's fate is known."""

    def __init__(self, message: str, status: int = STATUS_OK) -> None:
        super().__init__(message)
        self.status = status


class InitFailed(ProviderError):
    """The resource exists, with this id and these outputs, but it is not ready, for these reasons."""

    def __init__(self, reasons: Sequence[str], id_: str, outputs: Properties | None, inputs: Properties | None) -> None:
        super().__init__("\n".join(reasons) or "resource init failed", STATUS_PARTIAL_FAILURE)
        self.reasons = list(reasons)
        self.id = id_
        self.outputs = outputs
        self.inputs = inputs


class PluginDied(ProviderError):
    """The plugin's process ended while it was at work: nobody knows what became of the resource."""

    def __init__(self, message: str) -> None:
        super().__init__(message, STATUS_UNKNOWN)


class DiffUnavailable(ProviderError):
    """The provider cannot compare yet, because its own configuration is unknown during this preview."""


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """One reason why inputs are refused; `property` is empty if it is about all of them."""

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Inputs as the provider wants to see them from now on."""

    inputs: Properties
    failures: list[CheckFailure] = field(default_factory=list[CheckFailure])


@dataclass(frozen=True, slots=True)
class PropertyDiff:
    """How one property path differs; `input_diff` if it is inputs against inputs."""

    kind: DiffKind
    input_diff: bool = False


@dataclass(frozen=True, slots=True)
class Diff:
    """What separates a resource from its new inputs."""

    changes: Change
    replace_keys: list[str] = field(default_factory=list[str])
    changed_keys: list[str] = field(default_factory=list[str])
    detailed: dict[str, PropertyDiff] | None = None
    delete_before_replace: bool = False

    @property
    def replaces(self) -> bool:
        """Whether the difference needs a new resource."""
        return bool(self.replace_keys) or any(d.kind.endswith("replace") for d in (self.detailed or {}).values())


@dataclass(frozen=True, slots=True)
class Created:
    """A new resource; in a preview the id may be empty."""

    id: str
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Found:
    """A resource as it is. An empty id means that it is gone; no inputs means that the old ones still stand."""

    id: str
    outputs: Properties | None
    inputs: Properties | None = None


@dataclass(frozen=True, slots=True)
class Invoked:
    """The result of a function."""

    result: Properties
    failures: list[CheckFailure] = field(default_factory=list[CheckFailure])


class Provider(Protocol):
    """The operations on the resources of one package. All raise `ProviderError`; timeouts are seconds, 0 is none."""

    async def check_config(self, urn: str, olds: Properties, news: Properties) -> Checked:
        """Validate the provider's own configuration."""
        ...

    async def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, new_inputs: Properties
    ) -> Diff:
        """Compare configurations."""
        ...

    async def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """Take the configuration; once, before any of the following."""
        ...

    async def check(self, urn: str, olds: Properties, news: Properties, random_seed: bytes) -> Checked:
        """Validate and normalise the inputs of a resource."""
        ...

    async def diff(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        new_inputs: Properties,
        ignore_changes: Sequence[str],
    ) -> Diff:
        """Compare a resource with new inputs."""
        ...

    async def create(self, urn: str, inputs: Properties, timeout_seconds: float, preview: bool) -> Created:
        """Make the resource. Raises `InitFailed` if it exists but is not ready."""
        ...

    async def read(
        self, urn: str, id_: str, inputs: Properties | None, state: Properties, timeout_seconds: float
    ) -> Found:
        """Look at the resource."""
        ...

    async def update(
        self,
        urn: str,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        new_inputs: Properties,
        timeout_seconds: float,
        ignore_changes: Sequence[str],
        preview: bool,
    ) -> Properties:
        """Change the resource in place and return its outputs. Raises `InitFailed` if it is not ready afterwards."""
        ...

    async def delete(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout_seconds: float) -> None:
        """Remove the resource; one that is gone already is removed."""
        ...

    async def invoke(self, token: str, args: Properties, preview: bool) -> Invoked:
        """Call a function of the package."""
        ...

    async def cancel(self) -> None:
        """Ask all operations under way to end soon."""
        ...

    async def close(self) -> None:
        """Free what the provider holds; its process ends."""
        ...
