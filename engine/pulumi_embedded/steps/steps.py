"""The steps that change a resource; `reading_steps` has those that read one.

A step carries out one operation on one resource. Applying it completes the new state: id, outputs and times. A step
that fails raises `ProviderError`; `InitFailed` means that the resource exists, and the new state is complete.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pulumi_embedded import urn as urns
from pulumi_embedded.property_paths import outputs_named
from pulumi_embedded.providers.provider_api import Diff, InitFailed, Provider, ProviderError
from pulumi_embedded.values import Properties, Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.storage.snapshot import ResourceState


Operation = Literal["create", "update", "delete"]
HookType = Literal["BeforeCreate", "AfterCreate", "BeforeUpdate", "AfterUpdate", "BeforeDelete", "AfterDelete"]


class HookRunner(Protocol):
    """The hooks of the program."""

    async def run(
        self, kind: HookType, names: Sequence[str], old: ResourceState | None, new: ResourceState | None
    ) -> None:
        """Run resource hooks of the program. Raises `ProviderError`."""
        ...

    async def run_error_hooks(
        self,
        names: Sequence[str],
        operation: Operation,
        failures: Sequence[str],
        old: ResourceState | None,
        new: ResourceState | None,
    ) -> bool:
        """Run error hooks of the program; returns whether the operation is to be retried. Raises `ProviderError`."""
        ...


class StepContext(Protocol):
    """What a step needs from its deployment."""

    preview: bool

    @property
    def hooks(self) -> HookRunner:
        """The hooks of the program."""
        ...

    async def provider_of(self, state: ResourceState) -> Provider:
        """The provider of this resource. Raises `ProviderError`."""
        ...

    async def provider_is_same(self, state: ResourceState, inputs: Properties) -> None:
        """Start an unchanged provider resource with these inputs. Raises `ProviderError`."""
        ...

    def is_deleted(self, urn: str) -> bool:
        """Whether this deployment deletes the resource."""
        ...

    def warn(self, message: str, urn: str) -> None:
        """Report a warning about a resource."""
        ...


def now() -> str:
    """The current time in the format of state files."""
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


@dataclass(slots=True, eq=False)
class Step:
    """One operation on one resource."""

    old: ResourceState | None
    new: ResourceState | None
    keys: list[str] = field(default_factory=list[str], kw_only=True)
    """The properties that cause a replacement."""
    diff: Diff = field(default=Diff("none"), kw_only=True)

    op: ClassVar[str]
    logical: ClassVar[bool] = True
    """Whether it counts as a change; the parts of a replacement do not."""

    @property
    def resource(self) -> ResourceState:
        """The new state of the resource, or the old one if there is no new one."""
        state = self.new or self.old
        assert state is not None
        return state

    @property
    def urn(self) -> str:
        """The URN of the resource."""
        return self.resource.urn

    @property
    def provider(self) -> str:
        """The reference of the provider that carries out the operation."""
        return self.resource.provider

    @property
    def internal(self) -> bool:
        """Whether displays leave it out."""
        return urns.is_default_provider(self.urn)

    async def apply(self, context: StepContext) -> None:
        """Carry out the operation. Raises `ProviderError`."""
        raise NotImplementedError


def both_states(step: Step) -> tuple[ResourceState, ResourceState]:
    """Old and new state of a step that has both."""
    assert step.old is not None and step.new is not None
    return step.old, step.new


def new_state(step: Step) -> ResourceState:
    """The new state of a step that has one."""
    assert step.new is not None
    return step.new


def old_state(step: Step) -> ResourceState:
    """The old state of a step that has one."""
    assert step.old is not None
    return step.old


class Same(Step):
    """The resource is unchanged, except perhaps for resource options that only the engine uses."""

    op = "same"

    async def apply(self, context: StepContext) -> None:
        """Carry over id and outputs."""
        old, new = both_states(self)
        new.id, new.outputs = old.id, old.outputs
        if urns.is_provider_type(new.type):
            await context.provider_is_same(new, old.inputs)


class Untargeted(Step):
    """The deployment does not operate on the resource: its old state is carried over unchanged."""

    op = "same"

    async def apply(self, context: StepContext) -> None:
        """Carry over id and outputs."""
        old, new = both_states(self)
        new.id, new.outputs = old.id, old.outputs


class SkippedCreate(Step):
    """`--target` does not include the resource, which does not exist yet: nothing is written to the state."""

    op = "same"

    async def apply(self, context: StepContext) -> None:
        """Do nothing."""


class Create(Step):
    """Create a resource."""

    op = "create"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's create; a component needs none."""
        new = new_state(self)
        failed: InitFailed | None = None
        if new.custom:
            provider = await context.provider_of(new)
            timeout = new.custom_timeouts.get("create", 0)
            try:
                created = await provider.create(new.urn, new.inputs, timeout, context.preview)
                new.id, new.outputs = created.id, created.outputs
            except InitFailed as error:
                failed = error
                new.id, new.outputs, new.init_errors = error.id, error.outputs or {}, error.reasons
        new.created = new.modified = now()
        if failed is not None:
            raise failed


class CreateReplacement(Create):
    """Create the replacement of a resource that is deleted before it, or at the end of the deployment."""

    op = "create-replacement"
    logical = False

    @property
    def pends_delete(self) -> bool:
        """Whether the old resource still exists and is deleted at the end."""
        return not old_state(self).pending_replacement

    async def apply(self, context: StepContext) -> None:
        """Create, and mark the old resource for deletion."""
        old = old_state(self)
        try:
            # Not super(): a dataclass with slots is a new class, which breaks the form without arguments.
            await Create.apply(self, context)
        except InitFailed:
            self._mark(old)
            raise
        self._mark(old)

    def _mark(self, old: ResourceState) -> None:
        if self.pends_delete:
            old.delete = True


class Replace(Step):
    """Reports that a resource is replaced; its creation and its deletion are steps of their own."""

    op = "replace"

    async def apply(self, context: StepContext) -> None:
        """Do nothing."""


class Update(Step):
    """Update a resource in place."""

    op = "update"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's update."""
        old, new = both_states(self)
        new.id, new.created, new.modified = old.id, old.created, old.modified
        if not new.custom:
            return
        provider = await context.provider_of(new)
        try:
            new.outputs = await provider.update(
                new.urn,
                old.id,
                old.inputs,
                old.outputs,
                new.inputs,
                new.custom_timeouts.get("update", 0),
                new.ignore_changes,
                context.preview,
            )
        except InitFailed as error:
            new.outputs, new.init_errors, new.modified = error.outputs or {}, error.reasons, now()
            raise
        new.modified = now()


class Delete(Step):
    """Delete a resource that the program no longer declares."""

    op = "delete"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's delete, unless the resource is external, retained or deleted with another one."""
        old = old_state(self)
        if self.logical and old.protect:
            raise DeleteProtected(old.urn)
        kept = old.external or old.retain_on_delete or (old.deleted_with and context.is_deleted(old.deleted_with))
        if not context.preview and old.custom and not kept:
            provider = await context.provider_of(old)
            await provider.delete(old.urn, old.id, old.inputs, old.outputs, old.custom_timeouts.get("delete", 0))


class DeleteReplaced(Delete):
    """Delete a resource that was replaced."""

    op = "delete-replaced"
    logical = False


class DeleteForReplacement(DeleteReplaced):
    """Delete a resource before its replacement is created; the state records that one is pending."""

    async def apply(self, context: StepContext) -> None:
        """Delete, and record the pending replacement."""
        await Delete.apply(self, context)
        old_state(self).pending_replacement = True


class Discard(Delete):
    """Remove an external resource from the state."""

    op = "discard"


class DiscardReplaced(DeleteReplaced):
    """Remove an external resource that was replaced from the state."""

    op = "discard-replaced"


class RemovePendingReplace(Step):
    """Remove a resource from the state that was deleted for a replacement that is no longer needed."""

    op = "remove-pending-replace"
    logical = False

    @property
    def internal(self) -> bool:
        """Always: an earlier deployment has deleted the resource."""
        return True

    async def apply(self, context: StepContext) -> None:
        """Do nothing."""


class DeleteProtected(ProviderError):
    """The resource is protected."""

    def __init__(self, urn: str) -> None:
        super().__init__(
            f'resource "{urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, '
            "either remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`, "
            f"or use the command:\n`pulumi state unprotect '{urn}'`"
        )


def mark_secret_outputs(state: ResourceState) -> None:
    """Mark outputs as secret that are declared secret, or whose input of the same name is."""
    names = outputs_named(state.additional_secret_outputs, state.outputs)
    names.update(name for name, value in state.inputs.items() if isinstance(value, Secret))
    marked = {
        name: Secret(value)
        for name in names
        if name in state.outputs and not isinstance(value := state.outputs[name], Secret)
    }
    if marked:
        state.outputs = state.outputs | marked
