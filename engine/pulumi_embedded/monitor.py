"""The two gRPC services that a program and its plugins call: the resource monitor and the engine.

They only translate: requests into goals, results into replies, and what cannot be done into an error that names it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol
from urllib.parse import urlsplit

import grpc
from google.protobuf import empty_pb2

from . import urn as urns
from .events import Diagnostic, Events, Severity
from .goals import Alias, Goal, ReadGoal
from .protocol import CHANNEL_OPTIONS, accepts, engine_pb2, provider_pb2, resource_pb2
from .provider_api import Invoked, ProviderError
from .values import (
    MalformedValue,
    OutputValue,
    Properties,
    PropertyValue,
    from_struct,
    from_wire,
    has_unknowns,
    lower,
    to_struct,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .checkpoint import ResourceState

SUPPORTED_FEATURES: Final = frozenset(
    {
        "secrets",
        "resourceReferences",
        "outputValues",
        "aliasSpecs",
        "deletedWith",
        "replaceWith",
        "replacementTrigger",
        # Claimed so that a program which uses them is told by name what is missing, and not to update a CLI.
        "transforms",
        "invokeTransforms",
        "resourceHooks",
        "errorHooks",
        "parameterization",
    }
)

_SEVERITIES: Final[dict[int, Severity]] = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Unsupported(Exception):
    """The program uses something that this engine does not do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not supported by pulumi-embedded; run this program with the Pulumi CLI")


class ShutDown(Exception):
    """The deployment is over: nothing that a program asks is answered any more."""


class Deployment(Protocol):
    """What the services need from the deployment."""

    async def register(self, goal: Goal) -> tuple[ResourceState, str]:
        """Bring a resource to its goal; returns its state and `success`, `failed`, `skipped` or `unknown`."""
        ...

    async def read(self, goal: ReadGoal) -> ResourceState:
        """Look at somebody else's resource."""
        ...

    async def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Take the outputs of a component."""
        ...

    async def invoke(self, token: str, args: Properties, provider: str, version: str, download_url: str) -> Invoked:
        """Call a function."""
        ...

    async def program_is_done(self) -> None:
        """The program has declared everything; returns when the deployment is over."""
        ...

    async def default_provider(self, package: str, version: str, download_url: str, user: str) -> str:
        """The reference of the package's default provider, which is made if need be."""
        ...


class Services:
    """The server, the resource monitor and the engine service of one deployment."""

    def __init__(self, deployment: Deployment, events: Events, root_directory: Path) -> None:
        self._deployment = deployment
        self._events = events
        self._root_directory = root_directory
        self._root_urn = ""
        self._goals: dict[str, Goal] = {}
        self._component_providers: dict[str, dict[str, str]] = {}
        self._server: grpc.aio.Server | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._muted = False

    def mute_program(self) -> None:
        """Drop what the program still says of itself: the deployment has ended, and it will only complain of that."""
        self._muted = True

    # --- the server ---------------------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Listen on loopback; returns the address."""
        server = grpc.aio.server(options=[*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0)])
        monitor: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
            "SupportsFeature": (self._supports_feature, resource_pb2.SupportsFeatureRequest),
            "RegisterResource": (self._register_resource, resource_pb2.RegisterResourceRequest),
            "RegisterResourceOutputs": (
                self._register_resource_outputs,
                resource_pb2.RegisterResourceOutputsRequest,
            ),
            "ReadResource": (self._read_resource, resource_pb2.ReadResourceRequest),
            "Invoke": (self._invoke, resource_pb2.ResourceInvokeRequest),
            "Call": (self._refuse("methods of remote components are"), resource_pb2.ResourceCallRequest),
            "SignalAndWaitForShutdown": (self._signal_and_wait, empty_pb2.Empty),
        }
        for name, what, request in (
            ("RegisterStackTransform", "resource transforms are", "Callback"),
            ("RegisterStackInvokeTransform", "invoke transforms are", "Callback"),
            ("RegisterResourceHook", "resource hooks are", "RegisterResourceHookRequest"),
            ("RegisterErrorHook", "error hooks are", "RegisterErrorHookRequest"),
            ("RegisterPackage", "parameterized packages are", "RegisterPackageRequest"),
        ):
            monitor[name] = (self._refuse(what), getattr(resource_pb2, request, empty_pb2.Empty))
        engine: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
            "Log": (self._log, engine_pb2.LogRequest),
            "GetRootResource": (self._get_root, engine_pb2.GetRootResourceRequest),
            "SetRootResource": (self._set_root, engine_pb2.SetRootResourceRequest),
        }
        server.add_generic_rpc_handlers(
            (
                _service("pulumirpc.ResourceMonitor", {name: self._answer(*m) for name, m in monitor.items()}),
                _service("pulumirpc.Engine", {name: self._answer(*m) for name, m in engine.items()}),
            )
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._server = server
        return f"127.0.0.1:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.stop(None)

    def _answer(self, method: Callable[[Any], Awaitable[Any]], request_type: Any) -> grpc.RpcMethodHandler[Any, Any]:
        async def handle(request: Any, context: Any) -> Any:
            # A task of its own: when the program dies, gRPC cancels the handler, but what it began must be finished.
            task = asyncio.ensure_future(method(request))
            if method != self._signal_and_wait:  # It waits for all others.
                self._running.add(task)
            task.add_done_callback(self._finished)
            try:
                return await asyncio.shield(task)
            except ShutDown:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "resource monitor shut down")
            except (Unsupported, MalformedValue) as error:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            except ProviderError as error:
                await context.abort(grpc.StatusCode.UNKNOWN, str(error))

        return grpc.unary_unary_rpc_method_handler(
            handle, request_deserializer=request_type.FromString, response_serializer=_serialize
        )

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # Was told to the caller, if there still is one.

    async def settle(self) -> None:
        """Return when no request is being worked on."""
        while pending := [task for task in self._running if not task.done()]:
            await asyncio.wait(pending)

    @staticmethod
    def _refuse(what: str) -> Callable[[Any], Awaitable[Any]]:
        async def refuse(_request: Any) -> NoReturn:
            raise Unsupported(what)

        return refuse

    # --- the engine service -------------------------------------------------------------------------------------------

    async def _log(self, request: Any) -> Any:
        severity = _SEVERITIES.get(request.severity, "info")
        if severity != "debug" and (request.urn or not self._muted):
            self._events.emit(Diagnostic(severity, request.message, request.urn, request.ephemeral, request.streamId))
        return empty_pb2.Empty()

    async def _get_root(self, _request: Any) -> Any:
        return engine_pb2.GetRootResourceResponse(urn=self._root_urn)

    async def _set_root(self, request: Any) -> Any:
        self._root_urn = request.urn
        return engine_pb2.SetRootResourceResponse()

    # --- the resource monitor -----------------------------------------------------------------------------------------

    async def _supports_feature(self, request: Any) -> Any:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in SUPPORTED_FEATURES)

    async def _signal_and_wait(self, _request: Any) -> Any:
        await self._deployment.program_is_done()
        return empty_pb2.Empty()

    async def _register_resource(self, request: Any) -> Any:
        self._refuse_unsupported(request)
        goal = self._goal(request)
        parent = self._goals.get(goal.parent)
        if parent is not None:
            goal.inherit(parent)
        await self._choose_provider(request, goal)
        state, result = await self._deployment.register(goal)
        if result in ("failed", "skipped") and not request.supportsResultReporting:
            raise ShutDown
        self._goals[state.urn] = goal
        if not goal.custom:
            inherited = self._component_providers.get(goal.parent, {})
            self._component_providers[state.urn] = inherited | dict(request.providers)
        # The old outputs of a component may refer to resources that this run has not met yet.
        outputs = state.outputs if goal.custom else {}
        if not request.supportsPartialValues:
            outputs = {key: value for key, value in outputs.items() if not has_unknowns(value)}
        response = resource_pb2.RegisterResourceResponse(
            urn=state.urn,
            id=state.id,
            object=to_struct(outputs, keep_secrets=request.acceptSecrets, keep_resources=request.acceptResources),
        )
        if accepts(response, "result"):
            response.result = {"failed": 1, "skipped": 2}.get(result, 0)
        if result == "unknown" and accepts(response, "unknown"):
            response.unknown = True
        return response

    @staticmethod
    def _refuse_unsupported(request: Any) -> None:
        if request.remote:
            raise Unsupported(f"the remote component {request.type} ({request.name!r}) is")
        if request.transforms:
            raise Unsupported(f"resource transforms, which {request.name!r} has, are")
        if accepts(request, "hooks") and request.HasField("hooks"):
            bound = [name.name for name, value in request.hooks.ListFields() if value]
            if bound:
                raise Unsupported(f"resource hooks ({', '.join(bound)}), which {request.name!r} has, are")
        if accepts(request, "state_migrations") and request.state_migrations:
            raise Unsupported(f"state migrations, which {request.name!r} has, are")
        if accepts(request, "envVarMappings") and request.envVarMappings:
            raise Unsupported(f"`env_var_mappings`, which the provider {request.name!r} has, is")

    def _goal(self, request: Any) -> Goal:
        properties = from_struct(request.object)
        if request.propertyDependencies:
            property_dependencies = {key: sorted(deps.urns) for key, deps in request.propertyDependencies.items()}
        else:
            property_dependencies = {key: sorted(request.dependencies) for key in properties}
        for key, value in properties.items():
            property_dependencies.setdefault(key, [])
            if found := _dependencies_in(value):
                property_dependencies[key] = sorted({*property_dependencies[key], *found})
        goal = Goal(
            type=request.type,
            name=request.name,
            custom=request.custom,
            properties={key: _lowered(value) for key, value in properties.items()},
            parent=request.parent,
            provider=request.provider,
            dependencies=sorted(request.dependencies),
            property_dependencies=dict(sorted(property_dependencies.items())),
            protect=_optional(request, "protect"),
            retain_on_delete=_optional(request, "retainOnDelete"),
            ignore_changes=list(request.ignoreChanges),
            replace_on_changes=list(request.replaceOnChanges),
            additional_secret_outputs=list(request.additionalSecretOutputs),
            aliases=[Alias(urn=urn) for urn in request.aliasURNs] + [_alias(alias) for alias in request.aliases],
            import_id=request.importId,
            custom_timeouts=_timeouts(request.customTimeouts),
            deleted_with=request.deletedWith,
            source_position=self._position(request.sourcePosition),
        )
        if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace:
            goal.delete_before_replace = request.deleteBeforeReplace
        if accepts(request, "hideDiffs"):
            goal.hide_diff = list(request.hideDiffs)
        if accepts(request, "replace_with"):
            goal.replace_with = list(request.replace_with)
        if accepts(request, "replacement_trigger") and request.HasField("replacement_trigger"):
            goal.replacement_trigger = _lowered(from_wire(request.replacement_trigger))
        if accepts(request, "stackTrace"):
            goal.stack_trace = [self._position(frame.pc) for frame in request.stackTrace.frames]
        return goal

    async def _choose_provider(self, request: Any, goal: Goal) -> None:
        if urns.is_provider_type(goal.type):
            from .registry import with_plugin

            goal.properties = with_plugin(goal.properties, request.version, request.pluginDownloadURL)
            goal.provider = ""
        elif not goal.custom:
            goal.provider = ""
        else:
            package = urns.package_of(goal.type)
            goal.provider = (
                request.provider
                or dict(request.providers).get(package, "")
                or self._component_providers.get(goal.parent, {}).get(package, "")
                or self._provider_of_parent(goal.parent, package)
                or await self._deployment.default_provider(
                    package, request.version, request.pluginDownloadURL, goal.type
                )
            )

    def _provider_of_parent(self, parent: str, package: str) -> str:
        goal = self._goals.get(parent)
        if goal is None or not goal.provider:
            return ""
        urn, _ = urns.split_reference(goal.provider)
        return goal.provider if urns.provided_package(urns.type_of(urn)) == package else ""

    async def _register_resource_outputs(self, request: Any) -> Any:
        outputs = {key: _lowered(value) for key, value in from_struct(request.outputs).items()}
        await self._deployment.register_outputs(request.urn, outputs)
        return empty_pb2.Empty()

    async def _read_resource(self, request: Any) -> Any:
        provider = request.provider
        if not provider and not urns.is_provider_type(request.type):
            provider = await self._deployment.default_provider(
                urns.package_of(request.type), request.version, request.pluginDownloadURL, request.type
            )
        goal = ReadGoal(
            id=request.id,
            type=request.type,
            name=request.name,
            properties={key: _lowered(value) for key, value in from_struct(request.properties).items()},
            parent=request.parent,
            provider=provider,
            dependencies=sorted(request.dependencies),
            additional_secret_outputs=list(request.additionalSecretOutputs),
            source_position=self._position(request.sourcePosition),
        )
        if accepts(request, "stackTrace"):
            goal.stack_trace = [self._position(frame.pc) for frame in request.stackTrace.frames]
        state = await self._deployment.read(goal)
        response = resource_pb2.ReadResourceResponse(
            urn=state.urn,
            properties=to_struct(
                state.outputs, keep_secrets=request.acceptSecrets, keep_resources=request.acceptResources
            ),
        )
        if accepts(response, "id"):
            response.id = state.id
        return response

    async def _invoke(self, request: Any) -> Any:
        args = {key: _lowered(value) for key, value in from_struct(request.args).items()}
        provider = request.provider
        if not provider and accepts(request, "parent") and request.parent:
            package = urns.package_of(request.tok)
            provider = self._component_providers.get(request.parent, {}).get(package, "")
        invoked = await self._deployment.invoke(request.tok, args, provider, request.version, request.pluginDownloadURL)
        response = resource_pb2.ResourceInvokeResponse(
            failures=[provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in invoked.failures]
        )
        keep_resources = request.acceptResources or request.tok == "pulumi:pulumi:getResource"
        getattr(response, "return").CopyFrom(to_struct(invoked.result, keep_resources=keep_resources))
        return response

    def _position(self, position: Any) -> str:
        """A source position relative to the project: `project:///__main__.py#12`."""
        if not position.uri:
            return ""
        with contextlib.suppress(ValueError):
            path = Path(urlsplit(position.uri).path)
            relative = path.relative_to(self._root_directory).as_posix()
            column = f",{position.column}" if position.column else ""
            return f"project:///{relative}#{position.line}{column}"
        return ""


def _serialize(message: Any) -> bytes:
    return message.SerializeToString()


def _service(name: str, methods: Mapping[str, grpc.RpcMethodHandler[Any, Any]]) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(name, dict(methods))


def _optional(request: Any, field: str) -> bool | None:
    descriptor = request.DESCRIPTOR.fields_by_name[field]
    if descriptor.has_presence:
        return getattr(request, field) if request.HasField(field) else None
    return getattr(request, field) or None


def _alias(alias: Any) -> Alias:
    if alias.WhichOneof("alias") != "spec":
        return Alias(urn=alias.urn)
    spec = alias.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


def _timeouts(timeouts: Any) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for operation in ("create", "update", "delete", "read"):
        text = getattr(timeouts, operation, "")
        if text:
            seconds[operation] = duration_seconds(text)
    return seconds


def duration_seconds(text: str) -> float:
    """The seconds of a duration such as `1h30m`. Raises `Unsupported` for anything else."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Unsupported(f"the timeout {text!r} is")
    total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return int(total) if total.is_integer() else total


def _lowered(value: PropertyValue) -> PropertyValue:
    """The value without output values, whose dependencies are kept elsewhere."""
    if isinstance(value, OutputValue):
        return _lowered(lower(value))
    if isinstance(value, dict):
        return {key: _lowered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    return value


def _dependencies_in(value: PropertyValue) -> set[str]:
    if isinstance(value, OutputValue):
        return {*value.dependencies, *_dependencies_in(value.element)}
    if isinstance(value, dict):
        return set[str]().union(*(_dependencies_in(item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_dependencies_in(item) for item in value))
    return set()
