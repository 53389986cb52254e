"""The plugin server's calls as they should be: whole requests in, whole responses out, one line for every error.

Each function stands in for a stock handler (see `upgrade`). A provider that is not ours is served by the stock one.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import traceback
from collections.abc import Iterator
from typing import Any, NoReturn

from google.protobuf import any_pb2, empty_pb2, struct_pb2
from google.rpc import status_pb2
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from gpufleet_provider import engine_log, upgrade
from gpufleet_provider.calls import CALL, Call
from gpufleet_provider.errors import CloudError
from gpufleet_provider.lifecycle import Properties
from gpufleet_provider.operations import WAIT

_UNKNOWN_STATUS = 2
"""grpc's UNKNOWN: the code that the stock server aborts with, which the details must repeat."""


class CleanlyFailed(Exception):
    """The engine has been told in the trailing metadata; what the stock server makes of this is never shown."""


# --- The six calls --------------------------------------------------------------------------------------------------


def check(servicer: Any, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
    """Serve Check."""
    olds, news = _values(request.olds), _values(request.news)
    provider = _provider(servicer, request, context, olds if isinstance(news.get("__provider"), Unknown) else news)
    if provider is None:
        return upgrade.originals["Check"](servicer, request, context)
    with called(request, context):
        result = provider.check(olds, news)
        return provider_pb2.CheckResponse(
            inputs=_struct({**result.inputs, "__provider": news["__provider"]}),
            failures=[provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in result.failures],
        )


def diff(servicer: Any, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
    """Serve Diff, with what happens at each property path."""
    olds, news = _values(request.olds), _values(request.news)
    provider = _provider(servicer, request, context, olds if isinstance(news.get("__provider"), Unknown) else news)
    if provider is None:
        return upgrade.originals["Diff"](servicer, request, context)
    with called(request, context):
        result = provider.diff(request.id, olds, news)
        kinds = provider_pb2.PropertyDiff.Kind
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if result.changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=result.replaces,
            deleteBeforeReplace=result.delete_before_replace,
            diffs=sorted({path.split(".")[0].split("[")[0] for path in result.detailed}),
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=kinds.Value(kind.upper()), inputDiff=True)
                for path, kind in result.detailed.items()
            },
            hasDetailedDiff=bool(result.detailed),
        )


def create(servicer: Any, request: provider_pb2.CreateRequest, context: Any) -> provider_pb2.CreateResponse:
    """Serve Create; a resource that exists but is not ready is a partial failure that keeps its id."""
    props = _values(request.properties)
    provider = _provider(servicer, request, context, props)
    if provider is None:
        return upgrade.originals["Create"](servicer, request, context)
    with called(request, context):
        result = provider.create(props)
        outputs = {**result.outs, "__provider": props["__provider"]}
        _fail_if_unfinished(context, result.id, outputs, props)
        return provider_pb2.CreateResponse(id=result.id, properties=_struct(outputs))


def read(servicer: Any, request: provider_pb2.ReadRequest, context: Any) -> provider_pb2.ReadResponse:
    """Serve Read, from the old outputs, or from the inputs alone for a resource that is only referred to."""
    props = _values(request.properties) or _values(request.inputs)
    provider = _provider(servicer, request, context, props)
    if provider is None:
        return upgrade.originals["Read"](servicer, request, context)
    with called(request, context):
        result = provider.read(request.id, props)
        pickled = {"__provider": props["__provider"]}
        response = provider_pb2.ReadResponse(id=result.id, properties=_struct({**result.outs, **pickled}))
        if result.inputs is not None:
            response.inputs.CopyFrom(_struct({**result.inputs, **pickled}))
        return response


def update(servicer: Any, request: provider_pb2.UpdateRequest, context: Any) -> provider_pb2.UpdateResponse:
    """Serve Update; a resource that is not ready afterwards is a partial failure."""
    olds, news = _values(request.olds), _values(request.news)
    provider = _provider(servicer, request, context, news)
    if provider is None:
        return upgrade.originals["Update"](servicer, request, context)
    with called(request, context):
        result = provider.update(request.id, olds, news)
        outputs = {**result.outs, "__provider": news["__provider"]}
        _fail_if_unfinished(context, request.id, outputs, news)
        return provider_pb2.UpdateResponse(properties=_struct(outputs))


def delete(servicer: Any, request: provider_pb2.DeleteRequest, context: Any) -> empty_pb2.Empty:
    """Serve Delete."""
    props = _values(request.properties)
    provider = _provider(servicer, request, context, props)
    if provider is None:
        return upgrade.originals["Delete"](servicer, request, context)
    with called(request, context):
        provider.delete(request.id, props)
        return empty_pb2.Empty()


def _provider(servicer: Any, request: Any, context: Any, props: Properties) -> Any:
    """Return the provider that a bag carries when it is one of ours, else None."""
    from gpufleet_provider.dynamic import DynamicProvider

    main: Any = sys.modules["__main__"]
    with called(request, context):
        if "__provider" not in props:
            raise CloudError(
                f"{request.urn}: a dynamic resource cannot be read by its id alone, since its provider travels with "
                "its properties; import it with ResourceOptions(import_=...) or with `gpufleet import`"
            )
        provider = main.get_provider(props, servicer._config)
    return provider if isinstance(provider, DynamicProvider) else None


# --- Values ---------------------------------------------------------------------------------------------------------


def _values(struct: struct_pb2.Struct) -> Properties:
    return dict(rpc.deserialize_properties(struct, True))


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
        return struct_pb2.Value(struct_value=_struct(value))
    return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_value(entry) for entry in value]))


# --- Calls and their failures ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def called(request: Any, context: Any) -> Iterator[None]:
    """Run one call of the engine with what its request says, and turn whatever it raises into one line."""
    urn: str = request.urn
    call = Call(
        urn=urn,
        timeout_seconds=getattr(request, "timeout", 0) or None,
        progress=functools.partial(engine_log.progress, urn=urn),
        warn=functools.partial(engine_log.warn, urn=urn),
    )
    token = CALL.set(call)
    try:
        yield
    except CleanlyFailed:
        raise
    except CloudError as error:
        _fail(context, str(error))
    except Exception as error:
        engine_log.debug(traceback.format_exc(), urn)
        _fail(
            context,
            f"unexpected {type(error).__name__}: {error}; nothing is known to be lost. This is a fault of "
            "pulumi-gpufleet: please report it with the output of `pulumi up --logtostderr -v=9 --debug`",
        )
    finally:
        CALL.reset(token)


def _fail_if_unfinished(context: Any, id: str, outputs: Properties, inputs: Properties) -> None:
    wait = outputs.get(WAIT)
    if wait is not None:
        failed = provider_pb2.ErrorResourceInitFailed(
            id=id, properties=_struct(outputs), reasons=[wait["words"]], inputs=_struct(inputs)
        )
        _fail(context, wait["words"], failed)


def _fail(context: Any, message: str, details: Any = None) -> NoReturn:
    """Tell the engine in the trailing metadata, which it believes over the status that the stock server aborts with."""
    status = status_pb2.Status(code=_UNKNOWN_STATUS, message=message)
    if details is not None:
        packed = any_pb2.Any()
        packed.Pack(details)
        status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    raise CleanlyFailed(message)
