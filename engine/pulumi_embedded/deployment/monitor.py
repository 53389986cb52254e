"""The two gRPC services that the program and the plugins call: the resource monitor and the engine.

They translate requests into goals, results into replies, and unsupported requests into errors that name the feature.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from google.protobuf import empty_pb2

from pulumi_embedded import urn as urns
from pulumi_embedded.deployment.asset_hashes import with_hashes
from pulumi_embedded.deployment.requests import Requests, Unsupported, lowered, refuse_unsupported, satisfies
from pulumi_embedded.providers.protocol import (
    CHANNEL_OPTIONS,
    accepts,
    callback_pb2,
    engine_pb2,
    provider_pb2,
    resource_pb2,
    rpc,
)
from pulumi_embedded.providers.provider_api import Invoked, ProviderError
from pulumi_embedded.providers.registry import with_plugin
from pulumi_embedded.providers.wire import from_struct, to_struct
from pulumi_embedded.steps.events import Diagnostic, Events, Severity
from pulumi_embedded.steps.goals import Goal, ReadGoal
from pulumi_embedded.storage.snapshot import ENGINE_VERSION
from pulumi_embedded.values import MalformedValue, Properties, has_unknowns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pulumi_embedded.deployment.hooks import Hooks
    from pulumi_embedded.deployment.transforms import Transforms
    from pulumi_embedded.storage.snapshot import ResourceState

SUPPORTED_FEATURES: Final = frozenset(
    {
        "secrets",
        "resourceReferences",
        "outputValues",
        "aliasSpecs",
        "deletedWith",
        "replaceWith",
        "replacementTrigger",
        "transforms",
        "invokeTransforms",
        "resourceHooks",
        "errorHooks",
        # Claimed so that a program which uses it gets an error that names the feature, not advice to update the CLI.
        "parameterization",
    }
)

_STOP_SECONDS: Final = 0.2
_SEVERITIES: Final[dict[int, Severity]] = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}


_REFUSED: Final = {
    "Call": "methods of remote components are",
    "RegisterPackage": "parameterized packages are",
}


class ShutDown(Exception):
    """The deployment is over: requests of the program are refused."""


class Deployment(Protocol):
    """What the services need from the deployment (`registrations.Registrations`)."""

    stopped: asyncio.Event
    """Set when the program need not continue."""

    async def register(self, goal: Goal) -> tuple[ResourceState, str]:
        """Bring a resource to its goal; returns its state and `success`, `failed`, `skipped` or `unknown`."""
        ...

    async def read(self, goal: ReadGoal) -> ResourceState:
        """Read an external resource."""
        ...

    async def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Record the outputs of a component or of the stack."""
        ...

    async def invoke(self, token: str, args: Properties, provider: str, version: str, download_url: str) -> Invoked:
        """Call a function."""
        ...

    async def program_is_done(self) -> None:
        """The program has declared everything; returns when the deployment is over."""
        ...

    def crash(self, error: Exception) -> None:
        """Report an unexpected exception and end the deployment."""
        ...

    async def default_provider(self, package: str, version: str, download_url: str, user: str) -> str:
        """The reference of the package's default provider, which is created if need be."""
        ...


class Services:
    """The server, the resource monitor and the engine service of one deployment."""

    def __init__(
        self,
        deployment: Deployment,
        events: Events,
        root_directory: Path,
        program_directory: Path,
        hooks: Hooks,
        transforms: Transforms,
    ) -> None:
        self._deployment = deployment
        self._program_directory = program_directory
        self._events = events
        self._requests = Requests(root_directory)
        self._hooks = hooks
        self._transforms = transforms
        self._root_urn = ""
        self._goals: dict[str, Goal] = {}
        self._component_providers: dict[str, dict[str, str]] = {}
        self._server: Any | None = None
        self._running: set[asyncio.Task[Any]] = set()

    # --- the server ---------------------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Listen on a loopback port; returns the address."""
        server = rpc.aio.server(options=[*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0)])
        monitor: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
            "SupportsFeature": (self._supports_feature, resource_pb2.SupportsFeatureRequest),
            "RegisterResource": (self._register_resource, resource_pb2.RegisterResourceRequest),
            "RegisterResourceOutputs": (
                self._register_resource_outputs,
                resource_pb2.RegisterResourceOutputsRequest,
            ),
            "ReadResource": (self._read_resource, resource_pb2.ReadResourceRequest),
            "Invoke": (self._invoke, resource_pb2.ResourceInvokeRequest),
            "SignalAndWaitForShutdown": (self._signal_and_wait, empty_pb2.Empty),
            "RegisterStackTransform": (self._accept(self._transforms.register), callback_pb2.Callback),
            "RegisterStackInvokeTransform": (
                self._accept(self._transforms.register_for_invokes),
                callback_pb2.Callback,
            ),
        }
        for name, register in (
            ("RegisterResourceHook", self._hooks.register),
            ("RegisterErrorHook", self._hooks.register_error_hook),
        ):
            if hasattr(resource_pb2, f"{name}Request"):
                monitor[name] = (self._accept(register), getattr(resource_pb2, f"{name}Request"))
        for name in resource_pb2.DESCRIPTOR.services_by_name["ResourceMonitor"].methods_by_name:
            # Where GetDeploymentInfo is not implemented, the SDK asks for each feature separately.
            if name not in monitor and name != "GetDeploymentInfo":
                # A refused request need not be parsed.
                monitor[name] = (self._refuse(_REFUSED.get(name, f"the request {name} is")), empty_pb2.Empty)
        engine: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
            "Log": (self._log, engine_pb2.LogRequest),
            "GetRootResource": (self._get_root, engine_pb2.GetRootResourceRequest),
            "SetRootResource": (self._set_root, engine_pb2.SetRootResourceRequest),
        }
        if hasattr(engine_pb2, "RequirePulumiVersionRequest"):
            engine["RequirePulumiVersion"] = (self._require_version, engine_pb2.RequirePulumiVersionRequest)
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
            # At once, unless a request is being answered; without it, gRPC logs an error in the program.
            await self._server.stop(_STOP_SECONDS)

    def _answer(self, method: Callable[[Any], Awaitable[Any]], request_type: Any) -> Any:
        async def handle(request: Any, context: Any) -> Any:
            # A task of its own: if the program dies, gRPC cancels the handler, but the operation must be completed.
            task = asyncio.ensure_future(method(request))
            if method != self._signal_and_wait:  # This one waits for all others.
                self._running.add(task)
            task.add_done_callback(self._finished)
            try:
                return await asyncio.shield(task)
            except ShutDown:
                await context.abort(rpc.StatusCode.UNAVAILABLE, "resource monitor shut down")
            except (Unsupported, MalformedValue) as error:
                await context.abort(rpc.StatusCode.FAILED_PRECONDITION, str(error))
            except ProviderError as error:
                await context.abort(rpc.StatusCode.UNKNOWN, str(error))
            except rpc.aio.AbortError:
                raise
            except Exception as error:
                if "PULUMI_EMBEDDED_DEBUG" in os.environ:
                    traceback.print_exc()
                self._deployment.crash(error)
                await context.abort(rpc.StatusCode.UNAVAILABLE, "resource monitor shut down")

        return rpc.unary_unary_rpc_method_handler(
            handle, request_deserializer=request_type.FromString, response_serializer=_serialize
        )

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # The caller has received it, if there still is one.

    async def settle(self) -> None:
        """Wait until all requests in progress have been answered."""
        while pending := [task for task in self._running if not task.done()]:
            await asyncio.wait(pending)

    @staticmethod
    def _accept(register: Callable[[Any], None]) -> Callable[[Any], Awaitable[Any]]:
        async def accept(request: Any) -> Any:
            register(request)
            return empty_pb2.Empty()

        return accept

    @staticmethod
    def _refuse(what: str) -> Callable[[Any], Awaitable[Any]]:
        async def refuse(_request: Any) -> NoReturn:
            raise Unsupported(what)

        return refuse

    # --- the engine service -------------------------------------------------------------------------------------------

    async def _log(self, request: Any) -> Any:
        severity = _SEVERITIES.get(request.severity, "info")
        # Once it was stopped, the program only reports that; messages of plugins, which have a URN, still count.
        if severity != "debug" and (request.urn or not self._deployment.stopped.is_set()):
            self._events.emit(Diagnostic(severity, request.message, request.urn, request.ephemeral, request.streamId))
        return empty_pb2.Empty()

    async def _get_root(self, _request: Any) -> Any:
        return engine_pb2.GetRootResourceResponse(urn=self._root_urn)

    async def _set_root(self, request: Any) -> Any:
        self._root_urn = request.urn
        return engine_pb2.SetRootResourceResponse()

    async def _require_version(self, request: Any) -> Any:
        version = ENGINE_VERSION.removeprefix("v")
        if not satisfies(request.pulumi_version_range, version):
            raise Unsupported(
                f"the Pulumi version {request.pulumi_version_range!r} (this engine is compatible with {version}) is"
            )
        return engine_pb2.RequirePulumiVersionResponse()

    # --- the resource monitor -----------------------------------------------------------------------------------------

    async def _supports_feature(self, request: Any) -> Any:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in SUPPORTED_FEATURES)

    async def _signal_and_wait(self, _request: Any) -> Any:
        await self._deployment.program_is_done()
        return empty_pb2.Empty()

    async def _register_resource(self, request: Any) -> Any:
        refuse_unsupported(request)
        parent = self._goals.get(request.parent)
        transforms = self._transforms.for_resource(request, list(self._parents(request.parent)))
        if transforms:
            request.provider = request.provider if not request.custom else self._given_provider(request)
            await self._transforms.apply(request, transforms)
        goal = self._requests.goal(request)
        goal.properties = await with_hashes(goal.properties, self._program_directory)
        if parent is not None:
            goal.inherit(parent)
        await self._choose_provider(request, goal)
        state, result = await self._deployment.register(goal)
        if result in ("failed", "skipped") and not request.supportsResultReporting:
            raise ShutDown
        self._goals[state.urn] = goal
        self._transforms.keep(state.urn, request)
        if not goal.custom:
            inherited = self._component_providers.get(goal.parent, {})
            self._component_providers[state.urn] = inherited | dict(request.providers)
        # The old outputs of a component may refer to resources that are not registered yet.
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

    async def _choose_provider(self, request: Any, goal: Goal) -> None:
        if urns.is_provider_type(goal.type):
            goal.properties = with_plugin(goal.properties, request.version, request.pluginDownloadURL)
            goal.provider = ""
        elif not goal.custom:
            goal.provider = ""
        else:
            goal.provider = self._given_provider(request) or await self._deployment.default_provider(
                urns.package_of(goal.type), request.version, request.pluginDownloadURL, goal.type
            )

    def _given_provider(self, request: Any) -> str:
        """The provider that the resource or one of its parents names; empty for the default provider."""
        package = urns.package_of(request.type)
        return (
            request.provider
            or dict(request.providers).get(package, "")
            or self._component_providers.get(request.parent, {}).get(package, "")
            or self._provider_of_parent(request.parent, package)
        )

    def _parents(self, urn: str) -> Iterator[str]:
        """The URNs of a parent and of its parents."""
        while urn:
            yield urn
            goal = self._goals.get(urn)
            urn = goal.parent if goal else ""

    def _provider_of_parent(self, parent: str, package: str) -> str:
        goal = self._goals.get(parent)
        if goal is None or not goal.provider:
            return ""
        urn, _ = urns.split_reference(goal.provider)
        return goal.provider if urns.provided_package(urns.type_of(urn)) == package else ""

    async def _register_resource_outputs(self, request: Any) -> Any:
        outputs = {key: lowered(value) for key, value in from_struct(request.outputs).items()}
        outputs = await with_hashes(outputs, self._program_directory)
        await self._deployment.register_outputs(request.urn, outputs)
        return empty_pb2.Empty()

    async def _read_resource(self, request: Any) -> Any:
        provider = request.provider
        if not provider and not urns.is_provider_type(request.type):
            provider = await self._deployment.default_provider(
                urns.package_of(request.type), request.version, request.pluginDownloadURL, request.type
            )
        goal = self._requests.read_goal(request, provider)
        goal.properties = await with_hashes(goal.properties, self._program_directory)
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
        provider = request.provider
        if not provider and accepts(request, "parent") and request.parent:
            package = urns.package_of(request.tok)
            provider = self._component_providers.get(request.parent, {}).get(package, "")
        await self._transforms.apply_to_invoke(request, provider)
        args = {key: lowered(value) for key, value in from_struct(request.args).items()}
        invoked = await self._deployment.invoke(
            request.tok, args, request.provider, request.version, request.pluginDownloadURL
        )
        response = resource_pb2.ResourceInvokeResponse(
            failures=[provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in invoked.failures]
        )
        keep_resources = request.acceptResources or request.tok == "pulumi:pulumi:getResource"
        getattr(response, "return").CopyFrom(to_struct(invoked.result, keep_resources=keep_resources))
        return response


def _serialize(message: Any) -> bytes:
    return message.SerializeToString()


def _service(name: str, methods: Mapping[str, Any]) -> Any:
    return rpc.method_handlers_generic_handler(name, dict(methods))
