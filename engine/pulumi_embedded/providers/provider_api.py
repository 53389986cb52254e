"""The interface of providers to the engine: operations, results and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pulumi_embedded.values import Properties

Change = Literal["none", "some", "unknown"]
DiffKind = Literal["add", "add-replace", "delete", "delete-replace", "update", "update-replace"]

STATUS_OK = 0
"""The resource is as it was before."""
STATUS_PARTIAL_FAILURE = 1
"""The resource exists, but is not ready."""
STATUS_UNKNOWN = 2
"""It is not known what the operation has done."""


class ProviderError(Exception):
    """A provider refused or failed; the text is for the user. `status` is one of `STATUS_*`."""

    def __init__(self, message: str, status: int = STATUS_OK) -> None:
        super().__init__(message)
        self.status = status


class InitFailed(ProviderError):
    """The resource exists, with this id and these outputs, but is not ready for these reasons."""

    def __init__(self, reasons: Sequence[str], id_: str, outputs: Properties | None, inputs: Properties | None) -> None:
        super().__init__("\n".join(reasons) or "resource init failed", STATUS_PARTIAL_FAILURE)
        self.reasons = list(reasons)
        self.id = id_
        self.outputs = outputs
        self.inputs = inputs


class PluginDied(ProviderError):
    """The plugin's process exited during an operation, whose result is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(message, STATUS_UNKNOWN)


class DiffUnavailable(ProviderError):
    """The provider cannot compare yet, because its own configuration is unknown during this preview."""


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """One reason why inputs are refused; `property` is empty if it concerns all of them."""

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The inputs as the provider completed them, or its failures."""

    inputs: Properties
    failures: list[CheckFailure] = field(default_factory=list[CheckFailure])


@dataclass(frozen=True, slots=True)
class PropertyDiff:
    """The difference at one property path; `input_diff` if inputs were compared with inputs."""

    kind: DiffKind
    input_diff: bool = False


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between a resource and its new inputs."""

    changes: Change
    replace_keys: list[str] = field(default_factory=list[str])
    changed_keys: list[str] = field(default_factory=list[str])
    detailed: dict[str, PropertyDiff] | None = None
    delete_before_replace: bool = False

    @property
    def replaces(self) -> bool:
        """Whether the resource has to be replaced."""
        return bool(self.replace_keys) or any(d.kind.endswith("replace") for d in (self.detailed or {}).values())


@dataclass(frozen=True, slots=True)
class Created:
    """A new resource; in a preview the id may be empty."""

    id: str
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Found:
    """A resource that was read. An empty id means that it does not exist; None as inputs keeps the old ones."""

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
        """Check the provider's own configuration."""
        ...

    async def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, new_inputs: Properties
    ) -> Diff:
        """Compare configurations."""
        ...

    async def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """Set the configuration; called once, before any of the following."""
        ...

    async def check(self, urn: str, olds: Properties, news: Properties, random_seed: bytes) -> Checked:
        """Check the inputs of a resource, and fill in defaults."""
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
        """Create the resource. Raises `InitFailed` if it exists but is not ready."""
        ...

    async def read(
        self, urn: str, id_: str, inputs: Properties | None, state: Properties, timeout_seconds: float
    ) -> Found:
        """Read the resource. Raises `InitFailed` if it exists but is not ready."""
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
        """Update the resource in place and return its outputs. Raises `InitFailed` if it is not ready afterwards."""
        ...

    async def delete(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout_seconds: float) -> None:
        """Delete the resource; succeeds if it no longer exists."""
        ...

    async def invoke(self, token: str, args: Properties, preview: bool) -> Invoked:
        """Call a function of the package."""
        ...

    async def cancel(self) -> None:
        """Ask the operations in progress to end soon."""
        ...

    async def close(self) -> None:
        """Release the provider's resources and stop its process."""
        ...
