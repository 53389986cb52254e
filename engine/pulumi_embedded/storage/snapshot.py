"""A stack's state in memory: its resources, and the operations that were interrupted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, Literal

from pulumi_embedded import urn as urns
from pulumi_embedded.errors import StateError
from pulumi_embedded.values import Properties, PropertyValue

if TYPE_CHECKING:
    from collections.abc import Iterator

OperationType = Literal["creating", "updating", "deleting", "reading", "importing"]
"""The CLI also writes `importing`, though its own list lacks it."""

ENGINE_VERSION: Final = "v3.259.0"
"""The version of the CLI whose state format this is. It is written to the manifest, where a newer CLI checks it."""


@dataclass(slots=True)
class ResourceState:
    """One resource in the state. Field names are Pulumi's, times are RFC 3339 strings, timeouts are seconds.

    Two resources may share a URN while one is being replaced: exactly one of them has neither `delete` nor
    `pending_replacement`.
    """

    urn: str
    type: str
    custom: bool = False
    id: str = ""
    inputs: Properties = field(default_factory=dict[str, PropertyValue])
    outputs: Properties = field(default_factory=dict[str, PropertyValue])
    parent: str = ""
    protect: bool = False
    taint: bool = False
    external: bool = False
    delete: bool = False
    pending_replacement: bool = False
    dependencies: list[str] = field(default_factory=list[str])
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    provider: str = ""
    """`<urn of the provider>::<id of the provider>`."""
    init_errors: list[str] = field(default_factory=list[str])
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    aliases: list[str] = field(default_factory=list[str])
    custom_timeouts: dict[str, float] = field(default_factory=dict[str, float])
    """Any of `create`, `update`, `delete` and `read`."""
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list[str])
    replacement_trigger: PropertyValue = None
    created: str = ""
    modified: str = ""
    source_position: str = ""
    stack_trace: list[str] = field(default_factory=list[str])
    """Source positions, innermost first."""
    ignore_changes: list[str] = field(default_factory=list[str])
    hide_diff: list[str] = field(default_factory=list[str])
    replace_on_changes: list[str] = field(default_factory=list[str])
    refresh_before_update: bool = False
    view_of: str = ""
    resource_hooks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields that this class does not have, as they were read."""

    @property
    def dependency_urns(self) -> Iterator[str]:
        """The URNs that must come before this resource in a snapshot; the provider's comes first."""
        if self.provider:
            yield self.provider.rpartition("::")[0]
        yield from self.dependency_urns_but_provider

    @property
    def dependency_urns_but_provider(self) -> Iterator[str]:
        """Those of the `dependency_urns` that do not only name the provider."""
        if self.parent:
            yield self.parent
        yield from self.dependencies
        for dependencies in self.property_dependencies.values():
            yield from dependencies
        if self.deleted_with:
            yield self.deleted_with
        yield from self.replace_with


@dataclass(slots=True)
class Operation:
    """An operation that was started, and whose result is not known."""

    resource: ResourceState
    type: OperationType


@dataclass(slots=True)
class Manifest:
    """When a deployment was written, and by which version."""

    time: str = "0001-01-01T00:00:00Z"
    magic: str = ""
    version: str = ""
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class SecretsProvider:
    """What encrypted a deployment's secrets; for a passphrase, `state` is `{"salt": …}`."""

    type: str
    state: Any


@dataclass(slots=True)
class Snapshot:
    """The resources of a stack, dependencies before dependents, and its pending operations."""

    manifest: Manifest = field(default_factory=Manifest)
    secrets_providers: SecretsProvider | None = None
    resources: list[ResourceState] = field(default_factory=list[ResourceState])
    pending_operations: list[Operation] = field(default_factory=list[Operation])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    features: list[str] = field(default_factory=list[str])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])

    def root(self) -> ResourceState | None:
        """The resource of the stack itself, whose outputs are the stack's."""
        return next((r for r in self.resources if r.type == urns.ROOT_TYPE and not r.parent), None)

    def verify(self) -> None:
        """Raise StateError for a state that Pulumi refuses: a missing or later dependency, a duplicate, a wrong id."""
        if self.manifest.magic != _magic(self.manifest.version):
            raise StateError("the state's manifest does not match its version: it was edited or damaged")
        known: set[str] = set()
        live: set[str] = set()
        providers: set[str] = set()
        for state in self.resources:
            if not state.custom and state.id:
                raise StateError(f"{state.urn} is not a custom resource, but has the id {state.id!r}")
            if urns.is_provider_type(state.type):
                providers.add(f"{state.urn}::{state.id}")
            if state.provider and state.provider not in providers and not state.pending_replacement:
                raise StateError(f"{state.urn} refers to the provider {state.provider}, which is not before it")
            for dependency in state.dependency_urns_but_provider:
                if dependency not in known:
                    place = "comes after it" if any(r.urn == dependency for r in self.resources) else "is missing"
                    raise StateError(f"{state.urn} depends on {dependency}, which {place}")
            if not state.delete and not state.pending_replacement:
                if state.urn in live:
                    raise StateError(f"{state.urn} is in the state twice")
                live.add(state.urn)
            known.add(state.urn)


def new_manifest() -> Manifest:
    """The manifest of a deployment that this engine writes now."""
    now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    return Manifest(time=now, magic=_magic(ENGINE_VERSION), version=ENGINE_VERSION)


def _magic(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest() if version else ""
