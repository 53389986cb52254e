"""Runs steps: emits their events, writes their beginning and their result to the journal, and counts changes.

After a failure or an interrupt no other step is started; steps in progress are completed and recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from pulumi_embedded.errors import EngineError
from pulumi_embedded.providers.provider_api import STATUS_PARTIAL_FAILURE, STATUS_UNKNOWN, PluginDied, ProviderError
from pulumi_embedded.steps.events import Events, StepBegins, StepEnds, StepFails
from pulumi_embedded.steps.hooks import apply_with_hooks, run_after_hooks
from pulumi_embedded.steps.reading_steps import Import, ImportReplacement, Read, ReadReplacement, Refresh
from pulumi_embedded.steps.steps import (
    Create,
    CreateReplacement,
    Delete,
    DeleteForReplacement,
    DeleteProtected,
    RemovePendingReplace,
    Replace,
    Same,
    SkippedCreate,
    Step,
    StepContext,
    Untargeted,
    Update,
    mark_secret_outputs,
)
from pulumi_embedded.values import Properties, equal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.steps.options import Options
    from pulumi_embedded.storage.journal import Journal
    from pulumi_embedded.storage.snapshot import OperationType, ResourceState


class Stopped(Exception):
    """The deployment starts no more steps."""


class StepFailed(Exception):
    """A step failed, and the failure was reported."""


class StepExecutor:
    """Runs the steps of one deployment. Without a journal, as in a preview, it records nothing."""

    def __init__(self, context: StepContext, options: Options, events: Events, journal: Journal | None) -> None:
        self._context = context
        self._options = options
        self._events = events
        self._journal = journal
        self._slots = asyncio.Semaphore(options.parallel) if options.parallel else contextlib.nullcontext()
        self.stopped = False
        self.failed = False
        self.only_refreshes = False
        """Whether this is a `refresh`: the changes that it finds are then the operations, and count."""
        self.maybe_corrupt = False
        self.changes: Counter[str] = Counter()
        self.states: dict[str, ResourceState] = {}
        """The states of the resources that this deployment has registered or read, by URN."""
        self.failed_urns: set[str] = set()
        self._registered: dict[str, Step] = {}
        """The step behind each resource whose outputs may still be registered."""

    def stop(self) -> None:
        """Start no more steps."""
        self.stopped = True

    async def run(self, steps: Sequence[Step]) -> None:
        """Run the steps one after the other. Raises `StepFailed`, or `Stopped` if the deployment is stopped before."""
        async with self._slots:
            for step in steps:
                if self.stopped:
                    raise Stopped
                await self._run(step)

    async def _run(self, step: Step) -> None:
        planning = self._context.preview
        self._events.emit(StepBegins(step, planning))
        try:
            number = await self._begin(step)
        except EngineError as error:
            self._fail(step, ProviderError(str(error)))
            raise StepFailed from None
        failure: ProviderError | None = None
        try:
            await apply_with_hooks(step, self._context)
        except ProviderError as error:
            failure = error
        partial = failure is not None and failure.status == STATUS_PARTIAL_FAILURE
        if step.new is not None and (failure is None or partial) and not isinstance(step, Replace):
            self._keep_state(step, step.new)
        if partial and isinstance(step, Update) and step.old is not None and step.new is not None:
            # The update did not complete; with the old inputs, the next deployment tries it again.
            step.new.inputs = step.old.inputs
        try:
            await self._end(step, number, failure)
        except EngineError as error:
            failure = ProviderError(str(error), STATUS_UNKNOWN)
        if failure is not None:
            self._fail(step, failure)
            raise StepFailed
        if step.resource.custom or isinstance(step, Delete):
            await self.run_after_hooks(step)
        self._succeed(step)

    async def run_after_hooks(self, step: Step) -> None:
        """Run the hooks after a step, whose effect stays even if one fails, which fails the deployment."""
        try:
            await run_after_hooks(step, self._context)
        except ProviderError as error:
            self.failed = True
            self._events.error(str(error), step.urn)

    def _keep_state(self, step: Step, new: ResourceState) -> None:
        mark_secret_outputs(new)
        if "id" in new.additional_secret_outputs:
            self._events.warning("The 'id' property cannot be made secret.", new.urn)
        self.states[new.urn] = new
        if step.logical or isinstance(step, CreateReplacement | ImportReplacement | ReadReplacement):
            self._registered[new.urn] = step

    def _fail(self, step: Step, failure: ProviderError) -> None:
        self.failed = True
        self.failed_urns.add(step.urn)
        urn = "" if step.internal else step.urn
        self._events.error(f"Preview failed: {failure}" if self._context.preview else str(failure), urn)
        if failure.status == STATUS_UNKNOWN:
            self.maybe_corrupt = True
        if not self._context.preview:
            self._events.emit(StepFails(step, failure.status, sum(self.changes.values())))
        if not self._options.continue_on_error and not isinstance(failure, DeleteProtected):
            self.stop()

    def _succeed(self, step: Step) -> None:
        op, counts = step.op, step.logical
        if isinstance(step, Refresh) and self.only_refreshes:
            op, counts = step.result_op, True
        if isinstance(step, Read) and not isinstance(step, ReadReplacement):
            # A read counts as a change only if the outputs differ from the last read.
            old = step.old
            counts = old is not None and step.new is not None and not equal(old.outputs, step.new.outputs)
        if counts and not step.internal:
            self.changes[op] += 1
        if self._context.preview or step.resource.custom or isinstance(step, Refresh) or step.op == "delete":
            self._events.emit(StepEnds(step, op, self._context.preview))

    def register_outputs(self, urn: str, outputs: Properties) -> Step:
        """Record the outputs of a component or of the stack; returns the step that registered it.

        Raises `ProviderError` if it is not registered.
        """
        step = self._registered.pop(urn, None)
        if step is None or step.new is None:
            raise ProviderError(f"cannot complete a resource '{urn}' whose registration isn't pending")
        if isinstance(step, SkippedCreate):
            return step
        step.new.outputs = outputs
        if self._journal is not None and not isinstance(step, Untargeted):
            self._journal.outputs(step.new)
        self._events.emit(StepEnds(step, step.op, self._context.preview))
        return step

    # --- the journal --------------------------------------------------------------------------------------------------

    async def _begin(self, step: Step) -> int | None:
        operation = _operation(step)
        if self._journal is None or operation is None:
            return None
        return await self._journal.begin(operation, step.resource)

    async def _end(self, step: Step, number: int | None, failure: ProviderError | None) -> None:
        journal = self._journal
        successful = failure is None or failure.status == STATUS_PARTIAL_FAILURE
        if journal is None or isinstance(step, Replace | SkippedCreate):
            return
        if not successful:
            if number is not None and not isinstance(failure, PluginDied):
                await journal.fail(number)
            return
        if isinstance(step, CreateReplacement | ImportReplacement | ReadReplacement) and step.old and step.old.delete:
            # First, so that a crash in between leaves an old resource to delete and not two live ones with one URN.
            journal.rewrite(step.old)
        result, removes = _effect(step)
        if number is None:
            journal.record(result, removes=removes)
        else:
            await journal.end(number, result, removes=removes)


def _operation(step: Step) -> OperationType | None:
    """The kind of pending operation that a crash during the step leaves; None if it leaves none."""
    if not step.resource.custom or step.resource.type.startswith("pulumi:providers:"):
        return None
    if isinstance(step, Create):
        return "creating"
    if isinstance(step, Update):
        return "updating"
    if isinstance(step, Delete):
        return "deleting"
    if isinstance(step, Import):
        return "importing"
    return None


def _effect(step: Step) -> tuple[ResourceState | None, ResourceState | None]:
    """The state that the step adds to the snapshot, and the one that it removes."""
    old = step.old
    if isinstance(step, DeleteForReplacement):
        return old, old
    if isinstance(step, Delete | RemovePendingReplace):
        return None, old
    if isinstance(step, Create):
        return step.new, old if old is not None and old.pending_replacement else None
    if isinstance(step, ImportReplacement | ReadReplacement):
        return step.new, None
    if isinstance(step, Same | Untargeted | Update | Read | Refresh | Import):
        return step.new, old
    return step.new, None
