"""The operations on single resources. A step knows how to do its operation, not when or why.

Applying a step fills in its new state: id, outputs, times. A step that fails raises `ProviderError`; `InitFailed` means
that the resource exists and that the new state says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, ClassVar, Protocol

from . import urn as urns
from .property_paths import keep_old
from .provider_api import Diff, InitFailed, Provider, ProviderError
from .values import UNKNOWN_STRING, Properties, Secret, equal, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .checkpoint import ResourceState


class StepContext(Protocol):
    """What a step needs from its deployment."""

    preview: bool

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
        """Tell the user."""
        ...


def now() -> str:
    """The present time as state files write it."""
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


async def diff_resource(
    provider: Provider,
    urn: str,
    id_: str,
    old_inputs: Properties,
    old_outputs: Properties,
    new_inputs: Properties,
    ignore_changes: Sequence[str],
) -> Diff:
    """The provider's diff; where it does not know, the difference between the inputs."""
    diff = await provider.diff(urn, id_, old_inputs, old_outputs, new_inputs, ignore_changes)
    if diff.changes != "unknown":
        return diff
    kept, _ = keep_old(ignore_changes, old_inputs, new_inputs)
    changed = [
        key
        for key in sorted({*old_inputs, *kept})
        if (key in old_inputs) != (key in kept) or not equal(plain(old_inputs.get(key)), plain(kept.get(key)))
    ]
    return replace(diff, changes="some" if changed else "none", changed_keys=changed or diff.changed_keys)


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
    """Whether it counts as one change of the program's; a replacement's parts do not."""

    @property
    def resource(self) -> ResourceState:
        """The newest state that there is of the resource."""
        state = self.new or self.old
        assert state is not None
        return state

    @property
    def urn(self) -> str:
        """The URN of the resource."""
        return self.resource.urn

    @property
    def provider(self) -> str:
        """The reference of the provider that does the operation."""
        return self.resource.provider

    @property
    def internal(self) -> bool:
        """Whether users do not get to see it."""
        return urns.is_default_provider(self.urn)

    async def apply(self, context: StepContext) -> None:
        """Do it."""
        raise NotImplementedError


def _both(step: Step) -> tuple[ResourceState, ResourceState]:
    assert step.old is not None and step.new is not None
    return step.old, step.new


def _new(step: Step) -> ResourceState:
    assert step.new is not None
    return step.new


def _old(step: Step) -> ResourceState:
    assert step.old is not None
    return step.old


class Same(Step):
    """Nothing differs, except perhaps what only the engine keeps."""

    op = "same"

    async def apply(self, context: StepContext) -> None:
        """Carry id and outputs over."""
        old, new = _both(self)
        new.id, new.outputs = old.id, old.outputs
        if urns.is_provider_type(new.type):
            await context.provider_is_same(new, old.inputs)


class Untargeted(Step):
    """The resource is not among those that the user named; its old state is carried over as it is."""

    op = "same"

    async def apply(self, context: StepContext) -> None:
        """Carry everything over."""
        old, new = _both(self)
        new.id, new.outputs = old.id, old.outputs


class SkippedCreate(Step):
    """The resource would be new, but it is not among those that the user named. It leaves no trace in the state."""

    op = "same"

    async def apply(self, context: StepContext) -> None:
        """Do nothing."""


class Create(Step):
    """Make a resource."""

    op = "create"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's create; a component just is."""
        new = _new(self)
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
    """Make the resource that takes the place of the old one, which is deleted before, or at the end."""

    op = "create-replacement"
    logical = False

    @property
    def pends_delete(self) -> bool:
        """Whether the old resource is still there and is deleted at the end."""
        return not _old(self).pending_replacement

    async def apply(self, context: StepContext) -> None:
        """Create, and mark the old one for deletion."""
        old = _old(self)
        try:
            # Spelled out: a dataclass with slots is made anew, which breaks the short form of super.
            await Create.apply(self, context)
        except InitFailed:
            self._mark(old)
            raise
        self._mark(old)

    def _mark(self, old: ResourceState) -> None:
        if self.pends_delete:
            old.delete = True


class Replace(Step):
    """Tells that a resource is replaced; the creation and the deletion are steps of their own."""

    op = "replace"

    async def apply(self, context: StepContext) -> None:
        """Do nothing."""


class Update(Step):
    """Change a resource in place."""

    op = "update"
    ignore_changes: ClassVar[tuple[str, ...]] = ()

    async def apply(self, context: StepContext) -> None:
        """Call the provider's update."""
        old, new = _both(self)
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
    """Remove a resource that the program no longer declares."""

    op = "delete"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's delete, unless the resource is only a reference, kept, or gone with another one."""
        old = _old(self)
        if self.logical and old.protect:
            raise DeleteProtected(old.urn)
        kept = old.external or old.retain_on_delete or (old.deleted_with and context.is_deleted(old.deleted_with))
        if not context.preview and old.custom and not kept:
            provider = await context.provider_of(old)
            await provider.delete(old.urn, old.id, old.inputs, old.outputs, old.custom_timeouts.get("delete", 0))


class DeleteReplaced(Delete):
    """Remove a resource that was replaced."""

    op = "delete-replaced"
    logical = False


class DeleteForReplacement(DeleteReplaced):
    """Remove a resource before its replacement is made; the state remembers that one is due."""

    async def apply(self, context: StepContext) -> None:
        """Delete, and mark the replacement as pending."""
        await Delete.apply(self, context)
        _old(self).pending_replacement = True


class Discard(Delete):
    """Forget a resource that was only read."""

    op = "discard"


class DiscardReplaced(DeleteReplaced):
    """Forget a resource that was only read, after another one has taken its place."""

    op = "discard-replaced"


class RemovePendingReplace(Step):
    """Forget a resource that was deleted for a replacement that the program no longer wants."""

    op = "remove-pending-replace"
    logical = False

    @property
    def internal(self) -> bool:
        """Always: the resource is gone since the run before."""
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


class Read(Step):
    """Look at a resource that belongs to somebody else."""

    op = "read"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's read, in a preview too; only an unknown id cannot be looked at."""
        new = _new(self)
        if new.id == UNKNOWN_STRING:
            new.outputs = {}
            return
        provider = await context.provider_of(new)
        found = await provider.read(new.urn, new.id, new.inputs, new.inputs, new.custom_timeouts.get("read", 0))
        if found.outputs is None or not found.id:
            raise ProviderError(f"resource '{new.id}' does not exist")
        new.outputs, new.id = found.outputs, found.id
        old = self.old
        if old is not None:
            new.created, new.modified = old.created, old.modified
            if not equal(new.inputs, old.inputs) or not equal(new.outputs, old.outputs):
                new.modified = now()


class ReadReplacement(Read):
    """Look at a resource that takes the place of one of our own, which is deleted at the end."""

    op = "read-replacement"
    logical = False

    async def apply(self, context: StepContext) -> None:
        """Read, and mark the old one for deletion."""
        await Read.apply(self, context)
        _old(self).delete = True


class Refresh(Step):
    """Bring the state of a resource up to date with the world."""

    op = "refresh"
    logical = False

    @property
    def resource(self) -> ResourceState:
        """The old state: the new one may be gone."""
        return _old(self)

    @property
    def result_op(self) -> str:
        """The change that the world has made."""
        if self.new is None:
            return "delete"
        if self.old is self.new:
            return "same"
        if _old(self).external:
            return "same" if equal(_old(self).outputs, self.new.outputs) else "update"
        return "same" if self.diff.changes == "none" else "update"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's read; no id means that the resource is gone."""
        old = _old(self)
        if not old.custom or urns.is_provider_type(old.type) or old.pending_replacement:
            return
        provider = await context.provider_of(old)
        init_errors: list[str] = []
        try:
            found = await provider.read(old.urn, old.id, old.inputs, old.outputs, old.custom_timeouts.get("read", 0))
            id_, outputs, inputs = found.id, found.outputs, found.inputs
        except InitFailed as error:
            id_, outputs, inputs, init_errors = error.id, error.outputs, error.inputs, error.reasons
            reasons = "\n* ".join(init_errors)
            context.warn(f"Refreshed resource is in an unhealthy state:\n* {reasons}", old.urn)
        if not id_:
            self.new = None
            return
        new = replace(
            old,
            id=id_,
            inputs=old.inputs if inputs is None else inputs,
            outputs=outputs or {},
            init_errors=init_errors,
        )
        mark_secret_outputs(new)
        if not equal(new.inputs, old.inputs) or not equal(new.outputs, old.outputs):
            new.modified = now()
        self.new = new
        if not old.external:
            # The other way round: what would an update of the unchanged program have to change back?
            diff = await diff_resource(
                provider, new.urn, new.id, new.inputs, new.outputs, old.inputs, old.ignore_changes
            )
            self.diff = _inverted(diff)


_INVERSE = {
    "add": "delete",
    "add-replace": "delete-replace",
    "delete": "add",
    "delete-replace": "add-replace",
}


def _inverted(diff: Diff) -> Diff:
    if diff.detailed is None:
        return diff
    detailed = {path: replace(item, kind=_INVERSE.get(item.kind, item.kind)) for path, item in diff.detailed.items()}
    return replace(diff, detailed=detailed)


class Import(Step):
    """Take over a resource that exists and has no owner yet."""

    op = "import"
    original: ResourceState | None = None

    async def apply(self, context: StepContext) -> None:
        """Read the resource; its inputs become the old inputs that the program's are then compared with."""
        new = _new(self)
        provider = await context.provider_of(new)
        try:
            found = await provider.read(new.urn, new.import_id, None, {}, new.custom_timeouts.get("read", 0))
            id_, outputs, inputs = found.id, found.outputs, found.inputs
        except InitFailed as error:
            id_, outputs, inputs, new.init_errors = error.id, error.outputs, error.inputs, error.reasons
        if not id_ or outputs is None:
            raise ProviderError(f"resource '{new.import_id}' does not exist")
        if inputs is None:
            package = urns.package_of(new.type)
            raise ProviderError(
                f"provider does not support importing resources; please try updating the '{package}' plugin"
            )
        new.id, new.inputs, new.outputs = id_, inputs, outputs
        new.created = new.modified = now()


class ImportReplacement(Import):
    """Take over a resource in place of one of our own, which is deleted at the end."""

    op = "import-replacement"
    logical = False

    async def apply(self, context: StepContext) -> None:
        """Import, and mark the old one for deletion."""
        await Import.apply(self, context)
        _old(self).delete = True


def mark_secret_outputs(state: ResourceState) -> None:
    """Make secret what the resource declares secret, and every output whose same-named input is."""
    names = {name for name in state.additional_secret_outputs if name != "id"}
    names.update(name for name, value in state.inputs.items() if isinstance(value, Secret))
    marked = {
        name: Secret(value)
        for name in names
        if name in state.outputs and not isinstance(value := state.outputs[name], Secret)
    }
    if marked:
        state.outputs = state.outputs | marked
