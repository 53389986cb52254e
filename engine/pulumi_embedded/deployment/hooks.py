"""The hooks that a program has registered, by name: resource hooks and error hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_embedded import urn as urns
from pulumi_embedded.errors import EngineError
from pulumi_embedded.providers.protocol import accepts, resource_pb2
from pulumi_embedded.providers.provider_api import ProviderError
from pulumi_embedded.providers.wire import to_struct
from pulumi_embedded.steps.hooks import DELETE_HOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.deployment.callbacks import Callbacks
    from pulumi_embedded.steps.events import Events
    from pulumi_embedded.steps.steps import HookType, Operation
    from pulumi_embedded.storage.snapshot import ResourceState

_LISTS = {
    "depends_on": "dependencies",
    "ignore_changes": "ignore_changes",
    "replace_on_changes": "replace_on_changes",
    "additional_secret_outputs": "additional_secret_outputs",
    "hide_diff": "hide_diff",
    "replace_with": "replace_with",
}


class Hooks:
    """The hooks of one program. In a preview only those run that ask for it."""

    def __init__(self, callbacks: Callbacks, events: Events, *, preview: bool) -> None:
        self._callbacks = callbacks
        self._events = events
        self._preview = preview
        self._resource_hooks: dict[str, Any] = {}
        self._error_hooks: dict[str, Any] = {}

    def register(self, request: Any) -> None:
        """Register a resource hook. Raises `ProviderError` if the name is taken."""
        self._check_name(request.name)
        self._resource_hooks[request.name] = request

    def register_error_hook(self, request: Any) -> None:
        """Register an error hook. Raises `ProviderError` if the name is taken."""
        self._check_name(request.name)
        self._error_hooks[request.name] = request

    def _check_name(self, name: str) -> None:
        if name in self._resource_hooks or name in self._error_hooks:
            raise ProviderError(f"a hook with the name {name!r} is already registered")

    async def run(
        self, kind: HookType, names: Sequence[str], old: ResourceState | None, new: ResourceState | None
    ) -> None:
        """Run the named hooks, one after the other. Raises `ProviderError` for one that fails or is not registered."""
        for name in names:
            hook = self._resource_hooks.get(name)
            if hook is None:
                raise ProviderError(f'hook "{name}" was not registered')
            if self._preview and not hook.on_dry_run:
                continue
            request = _message(resource_pb2.ResourceHookRequest, old, new, with_outputs=kind.startswith("After"))
            try:
                await self._call(hook.callback, request, resource_pb2.ResourceHookResponse)
            except ProviderError as error:
                if not hook.ignore_errors:
                    raise ProviderError(f'{kind[: -len("Create")].lower()} hook "{name}" failed: {error}') from None
                self._events.warning(f'{kind} hook "{name}" failed: {error}', request.urn)

    async def run_error_hooks(
        self,
        names: Sequence[str],
        operation: Operation,
        failures: Sequence[str],
        old: ResourceState | None,
        new: ResourceState | None,
    ) -> bool:
        """Run the named error hooks; returns whether any wants a retry. Raises `ProviderError` for one that fails."""
        retry = False
        for name in names:
            hook = self._error_hooks.get(name)
            if hook is None:
                raise ProviderError(f'error hook "{name}" was not registered')
            request = _message(resource_pb2.ErrorHookRequest, old, new, with_outputs=False)
            request.failed_operation = operation
            request.errors.extend(failures)
            try:
                answer = await self._call(hook.callback, request, resource_pb2.ErrorHookResponse)
            except ProviderError as error:
                raise ProviderError(f'error hooks execution failed: error hook "{name}" failed: {error}') from None
            retry = retry or answer.retry
        return retry

    async def _call(self, callback: Any, request: Any, response_type: Any) -> Any:
        answer = await self._callbacks.call(callback, request, response_type)
        if answer.error:
            raise ProviderError(answer.error)
        return answer


def refuse_delete_hooks(states: Sequence[ResourceState], events: Events) -> None:
    """Refuse to delete resources whose hooks only the program can run. Raises EngineError."""
    refused = False
    for state in states:
        names = [name for kind in DELETE_HOOKS for name in state.resource_hooks.get(kind, ())]
        if names:
            refused = True
            events.error(
                f"Resource has delete hooks registered, but the program is not running. Hooks: {', '.join(names)}",
                state.urn,
            )
    if refused:
        raise EngineError("You must run with the `--run-program` flag to use delete hooks during destroy.")


def _message(type_: Any, old: ResourceState | None, new: ResourceState | None, *, with_outputs: bool) -> Any:
    state = new or old
    assert state is not None
    # The new state gets its id from the operation.
    id_ = state.id or (old.id if old else "")
    message = type_(urn=state.urn, id=id_, name=urns.name_of(state.urn), type=state.type)
    if new is not None:
        message.new_inputs.CopyFrom(to_struct(new.inputs))
        if with_outputs:
            message.new_outputs.CopyFrom(to_struct(new.outputs))
    if old is not None:
        message.old_inputs.CopyFrom(to_struct(old.inputs))
        message.old_outputs.CopyFrom(to_struct(old.outputs))
    for field, subject in (("old_options", old), ("new_options", new)):
        if subject is not None and accepts(message, field):
            getattr(message, field).CopyFrom(_options(subject))
    return message


def _options(state: ResourceState) -> Any:
    options = resource_pb2.ResourceOptions(
        provider=state.provider,
        protect=state.protect,
        retain_on_delete=state.retain_on_delete,
        deleted_with=state.deleted_with,
        parent=state.parent,
        aliases=[resource_pb2.Alias(urn=urn) for urn in state.aliases],
        **{option: getattr(state, field) for option, field in _LISTS.items()},
    )
    setattr(options, "import", state.import_id)
    for operation, seconds in state.custom_timeouts.items():
        setattr(options.custom_timeouts, operation, f"{seconds:g}s")
    return options
