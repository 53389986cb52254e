"""Applies a step between the hooks of its resource, which are functions of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_embedded.providers.provider_api import ProviderError
from pulumi_embedded.steps.reading_steps import Import
from pulumi_embedded.steps.steps import (
    Create,
    Delete,
    DeleteProtected,
    HookType,
    Operation,
    Step,
    StepContext,
    Update,
)

if TYPE_CHECKING:
    from pulumi_embedded.storage.snapshot import ResourceState

DELETE_HOOKS: Final[tuple[HookType, ...]] = ("BeforeDelete", "AfterDelete")
ERROR_HOOKS: Final = "OnError"
_BEFORE: Final[dict[Operation, HookType]] = {
    "create": "BeforeCreate",
    "update": "BeforeUpdate",
    "delete": "BeforeDelete",
}
_AFTER: Final[dict[Operation, HookType]] = {"create": "AfterCreate", "update": "AfterUpdate", "delete": "AfterDelete"}
_MOST_ATTEMPTS: Final = 100


async def apply_with_hooks(step: Step, context: StepContext) -> None:
    """Run the hooks before the step and apply it, again and again while an error hook asks for it.

    Raises `ProviderError`.
    """
    operation = operation_of(step)
    if operation is None:
        await step.apply(context)
        return
    hooks, old, new = _subject(step, operation)
    await context.hooks.run(_BEFORE[operation], hooks.get(_BEFORE[operation], []), old, new)
    failures: list[str] = []
    while True:
        try:
            await step.apply(context)
        except DeleteProtected:
            raise
        except ProviderError as error:
            failures.insert(0, str(error))
            if not await _retries(step, context, operation, failures):
                raise
        else:
            return


async def _retries(step: Step, context: StepContext, operation: Operation, failures: list[str]) -> bool:
    hooks, old, new = _subject(step, operation)
    names = hooks.get(ERROR_HOOKS, [])
    if not names:
        return False
    if len(failures) >= _MOST_ATTEMPTS:
        context.warn(f"maximum number of error hook retries ({_MOST_ATTEMPTS}) reached", step.urn)
        return False
    if not await context.hooks.run_error_hooks(names, operation, failures, old, new):
        return False
    context.warn(f"retrying {operation} due to on-error hook request ({len(failures)}/{_MOST_ATTEMPTS})", step.urn)
    if new is not None:
        new.init_errors = []
    return True


async def run_after_hooks(step: Step, context: StepContext) -> None:
    """Run the hooks after a step that has succeeded. Raises `ProviderError`."""
    operation = operation_of(step)
    if operation is not None:
        hooks, old, new = _subject(step, operation)
        await context.hooks.run(_AFTER[operation], hooks.get(_AFTER[operation], []), old, new)


def operation_of(step: Step) -> Operation | None:
    """The operation that hooks know the step by; None for a step without hooks."""
    if isinstance(step, Create):
        return "create"
    if isinstance(step, Update) and not isinstance(step, Import):
        return "update"
    return "delete" if isinstance(step, Delete) else None


def _subject(
    step: Step, operation: Operation
) -> tuple[dict[str, list[str]], ResourceState | None, ResourceState | None]:
    """The hooks of the resource, and the states that they are told."""
    if operation == "delete":
        return step.resource.resource_hooks, step.resource, None
    return step.resource.resource_hooks, step.old if operation == "update" else None, step.new
