"""Serves the plugin server's calls: whole requests in, whole responses out, one line for every error.

Each of the six functions stands in for a stock handler (see `upgrade`). A provider that is not ours is served by the
stock one. An error becomes the status of the call beside an empty reply, which both shapes of the stock server pass on
as it is: an exception would have them add a traceback.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from pulumi.dynamic import Config, ConfigureRequest, CreateResult, ReadResult, ResourceProvider, UpdateResult
from pulumi.output import Unknown
from pulumi.runtime.proto import provider_pb2

from gpufleet_provider.model.errors import CloudError, Unfinished, describe
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import ACCOUNT, INPUTS, PROVIDER, WAIT
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.operations.call import Call
from gpufleet_provider.plugin import engine_log, watchdog
from gpufleet_provider.plugin.values import properties_of, struct_of

stock_handlers: dict[str, Callable[..., Any]] = {}
"""The stock handlers, for the other dynamic providers that live in the same process."""

ReplyT = TypeVar("ReplyT")
ProviderT = TypeVar("ProviderT", bound="ServedProvider")
Arguments = ParamSpec("Arguments")

_REQUESTS = (
    provider_pb2.CheckRequest,
    provider_pb2.DiffRequest,
    provider_pb2.CreateRequest,
    provider_pb2.ReadRequest,
    provider_pb2.UpdateRequest,
    provider_pb2.DeleteRequest,
)

_LARGEST_IN_A_STATUS = 4 * 1024 * 1024
"""Bytes of outputs in the status of a call, which travels as metadata: engines accept less of that than of replies."""

# --- Our providers --------------------------------------------------------------------------------------------------


def _is_unknown(value: Any) -> bool:
    return isinstance(value, Unknown)


_PLAIN_CALL = Call(
    warn=engine_log.warn, note=engine_log.note, is_unknown=_is_unknown, before_create=watchdog.stop_if_engine_is_gone
)
"""What is known of a call on a server that does not tell a provider what its request says."""


def _call_of(request: Any) -> Call:
    urn: str = request.urn
    return dataclasses.replace(
        _PLAIN_CALL,
        urn=urn,
        timeout_seconds=getattr(request, "timeout", 0) or None,
        progress=functools.partial(engine_log.progress, urn=urn),
        warn=functools.partial(engine_log.warn, urn=urn),
    )


_current: ContextVar[Call | None] = ContextVar("_current", default=None)
"""The call that `_handle` serves on this thread: Pulumi's methods have no argument for it."""


@contextlib.contextmanager
def _serving(call: Call) -> Generator[None]:
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


class ServedProvider(ResourceProvider):
    """Base of the providers that are served here; its methods get a `Call` by the decorator `served`.

    Nothing of one call is kept on the object: all threads of the plugin share it.
    """

    _config: Config | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the configuration that the server has for this provider."""
        self._config = req.config

    def setting(self, key: str) -> str | None:
        """Return a configuration value such as `together:apiKey`, or None."""
        value = self._config.get(key) if self._config is not None else None
        return str(value) if value is not None else None

    def __getstate__(self) -> dict[str, Any]:
        """Return what stands pickled in users' state: all but the configuration, which holds keys."""
        return {name: value for name, value in vars(self).items() if name != "_config"}


def served(
    method: Callable[Concatenate[ProviderT, Call, Arguments], ReplyT],
) -> Callable[Concatenate[ProviderT, Arguments], ReplyT]:
    """Make one of Pulumi's methods out of one that also takes the call which it serves."""

    @functools.wraps(method)
    def wrapper(self: ProviderT, *arguments: Arguments.args, **named: Arguments.kwargs) -> ReplyT:
        def with_settings(call: Call, *arguments: Any, **named: Any) -> ReplyT:
            return method(self, dataclasses.replace(call, setting=self.setting), *arguments, **named)

        call = _current.get()
        if call is None and (begun := stock_call()) is not None:
            return _serve_within_stock_handler(*begun, with_settings)
        return with_settings(call or _PLAIN_CALL, *arguments, **named)

    return wrapper


def stock_call() -> tuple[Any, Any] | None:
    """Return request and context of the stock handler that this thread is in; None if it is in none."""
    frame = inspect.currentframe() if engine_log.engine_address() is not None else None
    while frame is not None:
        if "context" in frame.f_locals and isinstance(frame.f_locals.get("request"), _REQUESTS):
            return frame.f_locals["request"], frame.f_locals["context"]
        frame = frame.f_back
    return None


# --- The six calls --------------------------------------------------------------------------------------------------


def check(servicer: Any, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
    """Serve Check."""

    def serve(provider: Any, olds: Properties, news: Properties) -> provider_pb2.CheckResponse:
        result = provider.check(olds, news)
        return provider_pb2.CheckResponse(
            inputs=struct_of({**result.inputs, PROVIDER: news[PROVIDER]}),
            failures=[provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in result.failures],
        )

    return _handle("Check", servicer, request, context, serve, provider_pb2.CheckResponse)


def diff(servicer: Any, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
    """Serve Diff, with what happens at each property path."""

    def serve(provider: Any, id: str, olds: Properties, news: Properties) -> provider_pb2.DiffResponse:
        result = provider.diff(id, olds, news)
        kinds = provider_pb2.PropertyDiff.Kind
        response = provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if result.changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=result.replaces,
            deleteBeforeReplace=result.delete_before_replace,
            hasDetailedDiff=bool(result.detailed),
        )
        for path, kind in result.detailed.items():
            root = path.split(".")[0].split("[")[0]
            if root not in response.diffs:
                response.diffs.append(root)
            # An input is shown from inputs to inputs; anything else (`status`) only has an output.
            of_inputs = root in news or root in request.old_inputs
            response.detailedDiff[path].CopyFrom(
                provider_pb2.PropertyDiff(kind=kinds.Value(kind.upper()), inputDiff=of_inputs)
            )
        return response

    return _handle("Diff", servicer, request, context, serve, provider_pb2.DiffResponse)


def create(servicer: Any, request: provider_pb2.CreateRequest, context: Any) -> provider_pb2.CreateResponse:
    """Serve Create; a resource that exists but is not ready is a partial failure that keeps its id."""

    def serve(provider: Any, props: Properties) -> provider_pb2.CreateResponse:
        result = _ensure_finished(provider.create(props), request)
        return provider_pb2.CreateResponse(
            id=result.id, properties=_properties(result.id, {**result.outs, PROVIDER: props[PROVIDER]}, "create")
        )

    return _handle("Create", servicer, request, context, serve, provider_pb2.CreateResponse)


def read(servicer: Any, request: provider_pb2.ReadRequest, context: Any) -> provider_pb2.ReadResponse:
    """Serve Read, from the old outputs, or from the inputs alone for a resource that is only referred to.

    A resource that is not as it should be is a partial failure: Pulumi's way to say so, in the state as well.
    """

    def serve(provider: Any, id: str, props: Properties) -> provider_pb2.ReadResponse:
        result = _ensure_finished(provider.read(id, props), request)
        pickled = {PROVIDER: props[PROVIDER]}
        response = provider_pb2.ReadResponse(id=result.id, properties=struct_of({**result.outs, **pickled}))
        if result.inputs is not None:
            response.inputs.CopyFrom(struct_of({**result.inputs, **pickled}))
        return response

    return _handle("Read", servicer, request, context, serve, provider_pb2.ReadResponse)


def update(servicer: Any, request: provider_pb2.UpdateRequest, context: Any) -> provider_pb2.UpdateResponse:
    """Serve Update; a resource that is not ready afterwards is a partial failure."""

    def serve(provider: Any, id: str, olds: Properties, news: Properties) -> provider_pb2.UpdateResponse:
        result = _ensure_finished(provider.update(id, olds, news), request)
        outputs = {**result.outs, PROVIDER: news[PROVIDER]}
        return provider_pb2.UpdateResponse(properties=_properties(id, outputs, "update"))

    return _handle("Update", servicer, request, context, serve, provider_pb2.UpdateResponse)


def delete(servicer: Any, request: provider_pb2.DeleteRequest, context: Any) -> empty_pb2.Empty:
    """Serve Delete."""

    def serve(provider: Any, id: str, props: Properties) -> empty_pb2.Empty:
        provider.delete(id, props)
        return empty_pb2.Empty()

    return _handle("Delete", servicer, request, context, serve, empty_pb2.Empty)


def _arguments(request: Any) -> tuple[Any, ...]:
    """Return what a request says as the arguments of the provider's method; the last one carries the provider."""
    if isinstance(request, provider_pb2.CheckRequest):
        return properties_of(request.olds), properties_of(request.news)
    if isinstance(request, (provider_pb2.DiffRequest, provider_pb2.UpdateRequest)):
        return request.id, properties_of(request.olds), properties_of(request.news)
    if isinstance(request, provider_pb2.CreateRequest):
        return (properties_of(request.properties),)
    if isinstance(request, provider_pb2.ReadRequest):
        return request.id, properties_of(request.properties) or properties_of(request.inputs)
    return request.id, properties_of(request.properties)


# --- Calls and their failures ---------------------------------------------------------------------------------------


def _handle(
    verb: str, servicer: Any, request: Any, context: Any, serve: Callable[..., ReplyT], nothing: Callable[[], ReplyT]
) -> ReplyT:
    """Serve one call with the provider that a request carries, if it is one of ours, and report whatever goes wrong."""
    main: Any = sys.modules["__main__"]
    with _serving(_call_of(request)):
        try:
            arguments = _arguments(request)
            bag: Properties = arguments[-1]
            if PROVIDER not in bag:
                raise CloudError(
                    f"{request.urn}: a dynamic resource cannot be read by its id alone, since its provider travels "
                    "with its properties; import it with ResourceOptions(import_=...) or with `gpufleet import`"
                )
            if isinstance(bag[PROVIDER], Unknown):
                bag = arguments[-2]
            if _may_be_ours(bag[PROVIDER]):
                provider = main.get_provider(bag, servicer._config)
                if isinstance(provider, ServedProvider):
                    return serve(provider, *arguments)
        except Exception as error:
            _set_status(context, error)
            return nothing()
    return stock_handlers[verb](servicer, request, context)


@functools.lru_cache(maxsize=64)
def _may_be_ours(pickled: str) -> bool:
    """Whether a pickled provider names our module; unpickling another may fail, which the stock handler reports."""
    return b"gpufleet_provider.dynamic" in base64.b64decode(pickled)


def _serve_within_stock_handler(request: Any, context: Any, method: Callable[..., ReplyT]) -> ReplyT:
    """Serve a call that a stock handler has begun, with everything that its request says.

    The first call of a process is one: loading the provider is what upgrades the server. Its errors, too, are one line,
    and a resource that is not ready keeps its id. On a server that is not upgraded all calls are such, and the stock
    handler reports the errors.
    """
    call = _call_of(request)
    # Not what the handler passes on: older SDKs leave out what begins with two underscores.
    arguments = _arguments(request)
    try:
        result = _with_outputs_to_keep(method(call, *arguments), getattr(request, "id", ""))
        return _ensure_finished(result, request) if stock_handlers else _say_unfinished(result, call)
    except Exception as error:
        if not stock_handlers:
            raise
        message = _set_status(context, error)
    # A stock handler of the newer shape catches every exception, and would abort with a traceback instead.
    abort = context.abort

    def abort_in_one_line(*_: Any) -> Any:
        return abort(grpc.StatusCode.UNKNOWN, message)

    context.abort = abort_in_one_line
    return abort_in_one_line()


def _ensure_finished(result: ReplyT, request: Any) -> ReplyT:
    """Return the result of a provider's call; raises Unfinished for a resource that is not ready."""
    if isinstance(result, (CreateResult, ReadResult, UpdateResult)):
        outputs = cast(Properties, result.outs)
        wait = UnfinishedWait.from_outputs(outputs)
        if wait is not None:
            id, bag = (
                (request.id, request.news) if isinstance(result, UpdateResult) else (result.id, request.properties)
            )
            pickled = {PROVIDER: bag[PROVIDER]}
            inputs = result.inputs if isinstance(result, ReadResult) else None
            raise Unfinished(wait, id or "", {**outputs, **pickled}, None if inputs is None else {**inputs, **pickled})
    return result


def _with_outputs_to_keep(result: ReplyT, id: str) -> ReplyT:
    """Return a result whose outputs a stock handler can carry: those that the next run needs, if not all of them."""
    if isinstance(result, (CreateResult, UpdateResult)):
        id, during = (result.id or "", "create") if isinstance(result, CreateResult) else (id, "update")
        try:
            _properties(id, cast(Properties, result.outs), during)
        except Unfinished as unfinished:
            result.outs = _needed(unfinished.outputs)
    return result


def _say_unfinished(result: ReplyT, call: Call) -> ReplyT:
    """Warn of a resource that a read finds not as it should be, on a server that has no other way to say so."""
    if isinstance(result, ReadResult):
        wait = UnfinishedWait.from_outputs(cast(Properties, result.outs))
        if wait is not None:
            call.warn(f"{result.id}: {wait.message}")
    return result


def _properties(id: str, outputs: Properties, during: Literal["create", "update"]) -> struct_pb2.Struct:
    """Return outputs for the wire; raises Unfinished, with what the state needs, where they cannot be carried.

    The resource exists: whatever its replies hold, its id must reach the state.
    """
    try:
        return struct_of(outputs)
    except Exception as error:
        wait = UnfinishedWait("pending", f"{id} exists, but its outputs cannot be kept: {describe(error)}", during)
        raise Unfinished(wait, id, {**outputs, WAIT: wait.to_property()}) from None


def _properties_of_unfinished(outputs: Properties) -> struct_pb2.Struct:
    """Return the outputs of what is not ready for the wire, or what the next run needs of them."""
    with contextlib.suppress(Exception):
        whole = struct_of(outputs)
        if whole.ByteSize() <= _LARGEST_IN_A_STATUS:
            return whole
    return struct_of(_needed(outputs))


def _needed(outputs: Properties) -> Properties:
    """Return what the next run needs of outputs to go on from there."""
    return {name: outputs[name] for name in (INPUTS, ACCOUNT, PROVIDER, WAIT) if name in outputs}


def _set_status(context: Any, error: Exception) -> str:
    """Set an error as the status of a call, and return the one line that the user will see."""
    message = describe(error)
    context.set_code(grpc.StatusCode.UNKNOWN)
    context.set_details(message)
    if isinstance(error, Unfinished):
        details = any_pb2.Any()
        failed = provider_pb2.ErrorResourceInitFailed(
            id=error.id, properties=_properties_of_unfinished(error.outputs), reasons=[message]
        )
        if error.inputs is not None:
            failed.inputs.CopyFrom(struct_of(error.inputs))
        details.Pack(failed)
        status = _status_type()(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[details])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    return message


@functools.cache
def _status_type() -> Any:
    """Return google.rpc.Status, of which a process can load one copy only: that of googleapis, else that of the SDK."""
    for module in ("google.rpc.status_pb2", "pulumi.runtime.proto.status_pb2"):
        try:
            return importlib.import_module(module).Status
        except (ImportError, TypeError):
            continue
    raise ImportError("no google.rpc.Status: install googleapis-common-protos")
