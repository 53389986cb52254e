"""What Pulumi's stock plugin server lacks, added in the running process: see `install`.

The stock server runs four calls at a time, cannot say that a resource exists but is not ready, shows tracebacks, and
ignores cancellation and time limits. The handlers of the running server are plain functions; giving them the `__code__`
of the shims below replaces them for everyone who holds them, bound methods included. Two shapes are known: up to SDK
3.245 the servicer's methods are the handlers, from 3.246 each is wrapped by a decorator whose one free variable, `fn`,
is the handler. Anything else is left alone, and the provider lives on the plain contract.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, cast

from gpufleet_provider import engine_log, http, serving, watchdog
from gpufleet_provider.waiting import cancel_everything

_HANDLERS = ("Check", "Diff", "Create", "Read", "Update", "Delete")
_MORE_THREADS_THAN_ANY_FLEET = 100_000
"""Threads of a pool start on demand, so this is no cost: the engine's own `--parallel` is the limit."""

_lock = threading.Lock()
_done = False
originals: dict[str, Callable[..., Any]] = {}
"""The stock handlers, for the other dynamic providers that live in the same process."""


def install() -> bool:
    """Upgrade the plugin server that this process is, once; returns whether it is upgraded.

    Outside a plugin process nothing happens. On a server of an unknown shape nothing is changed but that the process
    ends with its engine, and one warning says so.
    """
    global _done
    address = engine_log.engine_address()
    if address is None:
        return False
    with _lock:
        if _done:
            return bool(originals)
        _done = True
        watchdog.start(address)
        handlers = _recognised(sys.modules["__main__"])
        if handlers is None:
            engine_log.warn(
                "pulumi-gpufleet does not know this version of Pulumi's Python plugin server and leaves it as it is: "
                "four operations run at a time, errors come with a traceback, and Ctrl-C waits for them"
            )
            return False
        for name, handler in handlers.items():
            if name != "Cancel":
                originals[name] = types.FunctionType(handler.__code__, handler.__globals__, name)
            handler.__code__ = getattr(_Shims, name).__code__
        _widen_pool()
        return True


def _recognised(main: types.ModuleType) -> dict[str, types.FunctionType] | None:
    """Return the real handlers of a stock server of a known shape, by name; None when anything looks different."""
    servicer = getattr(main, "DynamicResourceProviderServicer", None)
    get_provider = getattr(main, "get_provider", None)
    if not inspect.isclass(servicer) or not isinstance(get_provider, types.FunctionType):
        return None
    if list(inspect.signature(get_provider).parameters) != ["props", "config"] or not hasattr(servicer, "_config"):
        return None
    handlers: dict[str, types.FunctionType] = {}
    for name in (*_HANDLERS, "Cancel"):
        found = vars(servicer).get(name)
        if isinstance(found, types.FunctionType) and found.__code__.co_freevars == ("fn",):
            found = cast("tuple[types.CellType, ...]", found.__closure__)[0].cell_contents
        if not isinstance(found, types.FunctionType) or found.__code__.co_freevars:
            return None
        if found.__code__.co_varnames[: found.__code__.co_argcount] != ("self", "request", "context"):
            return None
        handlers[name] = found
    return handlers


class _Shims:
    """What the handlers become. Each runs with the stock server's globals, hence the import inside."""

    def Check(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider import serving

        return serving.check(self, request, context)

    def Diff(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider import serving

        return serving.diff(self, request, context)

    def Create(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider import serving

        return serving.create(self, request, context)

    def Read(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider import serving

        return serving.read(self, request, context)

    def Update(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider import serving

        return serving.update(self, request, context)

    def Delete(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider import serving

        return serving.delete(self, request, context)

    def Cancel(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider import upgrade

        return upgrade.cancel()


def cancel() -> Any:
    """Answer the engine's Cancel: waits end and keep their ids, and nothing new is created."""
    from google.protobuf import empty_pb2

    http.stop_posting("the run was cancelled")
    cancel_everything("the run was cancelled")
    return empty_pb2.Empty()


def _widen_pool() -> None:
    """Let the server's pool start a thread per call; this runs on one of its threads, which hold the pool weakly."""
    arguments: tuple[Any, ...] = getattr(threading.current_thread(), "_args", ())
    pool = arguments[0]() if arguments and callable(arguments[0]) else None
    if isinstance(getattr(pool, "_max_workers", None), int):
        cast(Any, pool)._max_workers = _MORE_THREADS_THAN_ANY_FLEET


@contextlib.contextmanager
def stock_call() -> Iterator[None]:
    """Serve a call that a stock handler has begun: the one that loads this module comes before its own upgrade.

    The request and the context are found in the handler's frame, so that this first call, too, has its URN and its
    time limit and ends in one line.
    """
    frame = sys._getframe(1)
    while frame is not None and not {"self", "request", "context"} <= frame.f_locals.keys():
        frame = frame.f_back
    if frame is None or not originals:
        yield
    else:
        with serving.called(frame.f_locals["request"], frame.f_locals["context"]):
            yield
