"""Transforms: functions of the program that change the properties and options of resources and of invokes.

Those of a resource run first, then those of its parents from the inside out, then those of the stack.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.providers.protocol import accepts, resource_pb2
from pulumi_embedded.providers.provider_api import ProviderError
from pulumi_embedded.providers.wire import from_struct, to_struct
from pulumi_embedded.values import OutputValue, PropertyValue, Secret, Unknown, dependencies_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.deployment.callbacks import Callbacks

_OPTIONS: Final = {
    "dependencies": "depends_on",
    "protect": "protect",
    "ignoreChanges": "ignore_changes",
    "replaceOnChanges": "replace_on_changes",
    "version": "version",
    "aliases": "aliases",
    "provider": "provider",
    "providers": "providers",
    "customTimeouts": "custom_timeouts",
    "pluginDownloadURL": "plugin_download_url",
    "pluginChecksums": "plugin_checksums",
    "retainOnDelete": "retain_on_delete",
    "deletedWith": "deleted_with",
    "additionalSecretOutputs": "additional_secret_outputs",
    "hooks": "hooks",
    "importId": "import",
    "hideDiffs": "hide_diff",
    "replace_with": "replace_with",
    "replacement_trigger": "replacement_trigger",
}
"""The options of a registration that a transform sees, by the fields of the two messages."""


class Transforms:
    """The transforms of one program."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._of_stack: list[Any] = []
        self._of_invokes: list[Any] = []
        self._of_resources: dict[str, list[Any]] = {}

    def register(self, callback: Any) -> None:
        """Apply a transform to every resource that is registered from now on."""
        self._of_stack.append(callback)

    def register_for_invokes(self, callback: Any) -> None:
        """Apply a transform to every invoke from now on."""
        self._of_invokes.append(callback)

    def keep(self, urn: str, request: Any) -> None:
        """Remember the transforms of a resource for its children."""
        if request.transforms:
            self._of_resources[urn] = list(request.transforms)

    def for_resource(self, request: Any, parents: Sequence[str]) -> list[Any]:
        """The transforms that apply to a registration; `parents` are URNs, innermost first."""
        inherited = [callback for urn in parents for callback in self._of_resources.get(urn, ())]
        return [*request.transforms, *inherited, *self._of_stack]

    async def apply(self, request: Any, transforms: Sequence[Any]) -> None:
        """Change the registration. Raises `ProviderError` if a transform fails."""
        for urn in request.aliasURNs:
            request.aliases.add(urn=urn)
        request.ClearField("aliasURNs")
        options = _options(request)
        properties = from_struct(request.object)
        if request.transforms:
            properties = {key: _with(value, _dependencies(request, key)) for key, value in properties.items()}
        sent = to_struct(properties, keep_outputs=True)
        for callback in transforms:
            answer = await self._call(
                callback,
                resource_pb2.TransformRequest(
                    type=request.type,
                    name=request.name,
                    custom=request.custom,
                    parent=request.parent,
                    properties=sent,
                    options=options,
                ),
                resource_pb2.TransformResponse,
                f"{request.type} {request.name!r}",
            )
            if answer.HasField("properties"):
                sent = answer.properties
            if answer.HasField("options"):
                options = answer.options
        _take_over(request, options)
        request.object.CopyFrom(sent)
        if request.transforms:
            _take_over_dependencies(request)

    async def apply_to_invoke(self, request: Any, provider: str) -> None:
        """Change an invoke, whose `provider` is known by now. Raises `ProviderError` if a transform fails."""
        options = resource_pb2.TransformInvokeOptions(
            provider=provider, version=request.version, plugin_download_url=request.pluginDownloadURL
        )
        for callback in self._of_invokes:
            answer = await self._call(
                callback,
                resource_pb2.TransformInvokeRequest(token=request.tok, args=request.args, options=options),
                resource_pb2.TransformInvokeResponse,
                request.tok,
            )
            if answer.HasField("args"):
                request.args.CopyFrom(answer.args)
            if answer.HasField("options"):
                options = answer.options
        request.provider, request.version = options.provider, options.version
        request.pluginDownloadURL = options.plugin_download_url

    async def _call(self, callback: Any, message: Any, response_type: Any, what: str) -> Any:
        try:
            return await self._callbacks.call(callback, message, response_type)
        except ProviderError as error:
            raise ProviderError(f"a transform of {what} failed: {error}") from None


def _options(request: Any) -> Any:
    options = resource_pb2.TransformResourceOptions()
    for field, option in _OPTIONS.items():
        _copy(request, field, options, option)
    if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace:
        options.delete_before_replace = request.deleteBeforeReplace
    return options


def _take_over(request: Any, options: Any) -> None:
    for field, option in _OPTIONS.items():
        _copy(options, option, request, field)
    request.deleteBeforeReplaceDefined = options.HasField("delete_before_replace")
    request.deleteBeforeReplace = options.delete_before_replace


def _copy(source: Any, field: str, target: Any, target_field: str) -> None:
    if not accepts(source, field) or not accepts(target, target_field):
        # An older SDK knows neither the option nor its field.
        return
    target.ClearField(target_field)
    value = next((value for descriptor, value in source.ListFields() if descriptor.name == field), None)
    if value is None:
        return
    if hasattr(value, "MergeFrom"):
        getattr(target, target_field).MergeFrom(value)
    else:
        setattr(target, target_field, value)


def _dependencies(request: Any, key: str) -> list[str]:
    if not request.propertyDependencies:
        return list(request.dependencies)
    return list(request.propertyDependencies[key].urns) if key in request.propertyDependencies else []


def _with(value: PropertyValue, dependencies: Sequence[str]) -> PropertyValue:
    """The value with its dependencies, which a transform that moves it takes along."""
    if not dependencies:
        return value
    if isinstance(value, OutputValue):
        return replace(value, dependencies=tuple(sorted({*value.dependencies, *dependencies})))
    if isinstance(value, Secret):
        element = value.element
        return OutputValue(element, not isinstance(element, Unknown), True, tuple(dependencies))
    return OutputValue(value, not isinstance(value, Unknown), False, tuple(dependencies))


def _take_over_dependencies(request: Any) -> None:
    request.ClearField("propertyDependencies")
    everything = set(request.dependencies)
    for key, value in from_struct(request.object).items():
        found = sorted(dependencies_in(value))
        request.propertyDependencies[key].urns.extend(found)
        everything.update(found)
    request.ClearField("dependencies")
    request.dependencies.extend(sorted(everything))
