"""The steps that read a resource: read, refresh and import."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns
from pulumi_embedded.providers.provider_api import InitFailed, ProviderError
from pulumi_embedded.steps.diffs import diff_resource, inverted
from pulumi_embedded.steps.steps import Step, StepContext, mark_secret_outputs, new_state, now, old_state
from pulumi_embedded.values import UNKNOWN_STRING, equal

if TYPE_CHECKING:
    from pulumi_embedded.storage.snapshot import ResourceState


class Read(Step):
    """Read an external resource."""

    op = "read"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's read, also in a preview, unless the id is still unknown."""
        new = new_state(self)
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
    """Read an external resource that replaces a managed one, which is deleted at the end of the deployment."""

    op = "read-replacement"
    logical = False

    async def apply(self, context: StepContext) -> None:
        """Read, and mark the old resource for deletion."""
        await Read.apply(self, context)
        old_state(self).delete = True


class Refresh(Step):
    """Read a resource and update its state."""

    op = "refresh"
    logical = False

    @property
    def resource(self) -> ResourceState:
        """The old state; there is no new one if the resource no longer exists."""
        return old_state(self)

    @property
    def result_op(self) -> str:
        """The change that the refresh found: same, update or delete."""
        if self.new is None:
            return "delete"
        if self.old is self.new:
            return "same"
        if old_state(self).external:
            return "same" if equal(old_state(self).outputs, self.new.outputs) else "update"
        return "same" if self.diff.changes == "none" else "update"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's read; an empty id means that the resource no longer exists."""
        old = old_state(self)
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
            # Inverted, the diff of an update that would undo the change shows what has changed.
            diff = await diff_resource(
                provider, new.urn, new.id, new.inputs, new.outputs, old.inputs, old.ignore_changes
            )
            self.diff = inverted(diff)


class Import(Step):
    """Import an existing resource."""

    op = "import"

    async def apply(self, context: StepContext) -> None:
        """Call the provider's read; the program's inputs are then compared with those that it returns."""
        new = new_state(self)
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
    """Import a resource that replaces a managed one, which is deleted at the end of the deployment."""

    op = "import-replacement"
    logical = False

    async def apply(self, context: StepContext) -> None:
        """Import, and mark the old resource for deletion."""
        await Import.apply(self, context)
        old_state(self).delete = True
