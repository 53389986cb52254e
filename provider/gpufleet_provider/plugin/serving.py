"""The plugin server's calls as they should be: whole requests in, whole responses out, one line for every error.

Each of the six functions stands in for a stock handler (see `upgrade`). A provider that is not ours is served by the
stock one. A failure is told as the status of the call beside an empty reply, which both shapes of the stock server pass
on as it is: an exception would have them add a traceback.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib
import sys
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from pulumi.dynamic import CreateResult, UpdateResult
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from gpufleet_provider.model.errors import CloudError, Unfinished, describe
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import PROVIDER
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.operations.call import CALL, Call
from gpufleet_provider.plugin import engine_log

stock_handlers: dict[str, Callable[..., Any]] = {}
"""The stock handlers, for the other dynamic providers that live in the same process."""

ReplyT = TypeVar("ReplyT")


_REQUESTS = (
    provider_pb2.CheckRequest,
    provider_pb2.DiffRequest,
    provider_pb2.CreateRequest,
    provider_pb2.ReadRequest,
    provider_pb2.UpdateRequest,
    provider_pb2.DeleteRequest,
)

# --- The six calls --------------------------------------------------------------------------------------------------


def check(servicer: Any, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
    """Serve Check."""

    def serve(provider: Any, olds: Properties, news: Properties) -> provider_pb2.CheckResponse:
        result = provider.check(olds, news)
        return provider_pb2.CheckResponse(
            inputs=_struct({**result.inputs, PROVIDER: news[PROVIDER]}),
            failures=[provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in result.failures],
        )

    return _served("Check", servicer, request, context, serve, provider_pb2.CheckResponse)


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

    return _served("Diff", servicer, request, context, serve, provider_pb2.DiffResponse)


def create(servicer: Any, request: provider_pb2.CreateRequest, context: Any) -> provider_pb2.CreateResponse:
    """Serve Create; a resource that exists but is not ready is a partial failure that keeps its id."""

    def serve(provider: Any, props: Properties) -> provider_pb2.CreateResponse:
        result = _finished(provider.create(props), request)
        return provider_pb2.CreateResponse(id=result.id, properties=_struct({**result.outs, PROVIDER: props[PROVIDER]}))

    return _served("Create", servicer, request, context, serve, provider_pb2.CreateResponse)


def read(servicer: Any, request: provider_pb2.ReadRequest, context: Any) -> provider_pb2.ReadResponse:
    """Serve Read, from the old outputs, or from the inputs alone for a resource that is only referred to."""

    def serve(provider: Any, id: str, props: Properties) -> provider_pb2.ReadResponse:
        result = provider.read(id, props)
        pickled = {PROVIDER: props[PROVIDER]}
        response = provider_pb2.ReadResponse(id=result.id, properties=_struct({**result.outs, **pickled}))
        if result.inputs is not None:
            response.inputs.CopyFrom(_struct({**result.inputs, **pickled}))
        return response

    return _served("Read", servicer, request, context, serve, provider_pb2.ReadResponse)


def update(servicer: Any, request: provider_pb2.UpdateRequest, context: Any) -> provider_pb2.UpdateResponse:
    """Serve Update; a resource that is not ready afterwards is a partial failure."""

    def serve(provider: Any, id: str, olds: Properties, news: Properties) -> provider_pb2.UpdateResponse:
        result = _finished(provider.update(id, olds, news), request)
        return provider_pb2.UpdateResponse(properties=_struct({**result.outs, PROVIDER: news[PROVIDER]}))

    return _served("Update", servicer, request, context, serve, provider_pb2.UpdateResponse)


def delete(servicer: Any, request: provider_pb2.DeleteRequest, context: Any) -> empty_pb2.Empty:
    """Serve Delete."""

    def serve(provider: Any, id: str, props: Properties) -> empty_pb2.Empty:
        provider.delete(id, props)
        return empty_pb2.Empty()

    return _served("Delete", servicer, request, context, serve, empty_pb2.Empty)


def is_request(value: Any) -> bool:
    """Whether a value is the request of one of the six calls."""
    return isinstance(value, _REQUESTS)


def _arguments(request: Any) -> tuple[Any, ...]:
    """Return what a request says as the arguments of the provider's method; the last one carries the provider."""
    if isinstance(request, provider_pb2.CheckRequest):
        return _values(request.olds), _values(request.news)
    if isinstance(request, (provider_pb2.DiffRequest, provider_pb2.UpdateRequest)):
        return request.id, _values(request.olds), _values(request.news)
    if isinstance(request, provider_pb2.CreateRequest):
        return (_values(request.properties),)
    if isinstance(request, provider_pb2.ReadRequest):
        return request.id, _values(request.properties) or _values(request.inputs)
    return request.id, _values(request.properties)


# --- Calls and their failures ---------------------------------------------------------------------------------------


def _served(
    verb: str, servicer: Any, request: Any, context: Any, serve: Callable[..., ReplyT], nothing: Callable[[], ReplyT]
) -> ReplyT:
    """Serve one call with the provider that a request carries, if it is one of ours, and tell whatever goes wrong."""
    from gpufleet_provider.dynamic import DynamicProvider

    main: Any = sys.modules["__main__"]
    with _call_of(request):
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
                if isinstance(provider, DynamicProvider):
                    return serve(provider, *arguments)
        except Exception as error:
            _tell(context, error)
            return nothing()
    return stock_handlers[verb](servicer, request, context)


@functools.lru_cache(maxsize=64)
def _may_be_ours(pickled: str) -> bool:
    """Whether a pickled provider names our module; unpickling somebody else's may fail, which is not ours to word."""
    return b"gpufleet_provider.dynamic" in base64.b64decode(pickled)


def within_stock_handler(request: Any, context: Any, method: Callable[..., ReplyT]) -> ReplyT:
    """Make a provider's call that a stock handler has begun, with all that the request says.

    The first call of a process is one: loading the provider is what upgrades the server. It, too, ends in one line or
    keeps its id. On a server that is not upgraded all calls are, and errors are its own affair.
    """
    with _call_of(request):
        # Not what the handler passes on: older SDKs leave out what begins with two underscores.
        arguments = _arguments(request)
        if not stock_handlers:
            return method(*arguments)
        try:
            return _finished(method(*arguments), request)
        except Exception as error:
            message = _tell(context, error)
    # A stock handler of the newer shape catches what ends it, and would abort with a traceback instead.
    abort = context.abort

    def abort_in_one_line(*_: Any) -> Any:
        return abort(grpc.StatusCode.UNKNOWN, message)

    context.abort = abort_in_one_line
    return abort_in_one_line()


@contextlib.contextmanager
def _call_of(request: Any) -> Generator[None]:
    """Make what a request says known to everything that serves it."""
    urn: str = request.urn
    token = CALL.set(
        Call(
            urn=urn,
            timeout_seconds=getattr(request, "timeout", 0) or None,
            progress=functools.partial(engine_log.progress, urn=urn),
            warn=functools.partial(engine_log.warn, urn=urn),
        )
    )
    try:
        yield
    finally:
        CALL.reset(token)


def _finished(result: ReplyT, request: Any) -> ReplyT:
    """Return the result of a provider's call; raises Unfinished for a resource that is not ready."""
    if isinstance(result, (CreateResult, UpdateResult)):
        outputs = cast(Properties, result.outs)
        wait = UnfinishedWait.from_outputs(outputs)
        if wait is not None:
            id, bag = (
                (result.id, request.properties) if isinstance(result, CreateResult) else (request.id, request.news)
            )
            raise Unfinished(wait, id, {**outputs, PROVIDER: bag[PROVIDER]})
    return result


def _tell(context: Any, error: Exception) -> str:
    """Make an error the status of a call, and return it as the one line that the user will see."""
    message = describe(error)
    context.set_code(grpc.StatusCode.UNKNOWN)
    context.set_details(message)
    if isinstance(error, Unfinished):
        details = any_pb2.Any()
        details.Pack(
            provider_pb2.ErrorResourceInitFailed(id=error.id, properties=_struct(error.outputs), reasons=[message])
        )
        status = _status_type()(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[details])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    return message


@functools.cache
def _status_type() -> Any:
    """Return google.rpc.Status, of which a process can hold one copy: that of googleapis before that of the SDK."""
    for module in ("google.rpc.status_pb2", "pulumi.runtime.proto.status_pb2"):
        try:
            return importlib.import_module(module).Status
        except (ImportError, TypeError):
            continue
    raise ImportError("no google.rpc.Status: install googleapis-common-protos")


# --- Values ---------------------------------------------------------------------------------------------------------


def _values(struct: struct_pb2.Struct) -> Properties:
    # The SDK's own function leaves out hidden properties in some versions, and nested ones in more.
    return {key: _plain(value) for key, value in struct.fields.items() if not value.HasField("null_value")}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _values(value.struct_value)
    if kind == "list_value":
        return [_plain(entry) for entry in value.list_value.values]
    if kind == "string_value":
        return Unknown() if value.string_value == rpc.UNKNOWN else value.string_value
    return value.number_value if kind == "number_value" else value.bool_value if kind == "bool_value" else None


def _struct(values: Properties) -> struct_pb2.Struct:
    return struct_pb2.Struct(fields={key: _value(value) for key, value in values.items() if value is not None})


def _value(value: Any) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=rpc.UNKNOWN)
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=_struct(cast(Properties, value)))
    return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_value(entry) for entry in value]))
