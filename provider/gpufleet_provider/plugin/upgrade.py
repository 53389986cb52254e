"""Adds what Pulumi's stock plugin server lacks to the running process: see `install`.

The stock server runs four calls at a time, cannot say that a resource exists but is not ready, shows tracebacks, and
ignores cancellation and time limits. The handlers of the running server are plain functions; giving them the `__code__`
of the shims below replaces them for everyone who holds them, bound methods included. Two shapes are known: in the older
one the servicer's methods are the handlers, in the newer one each is wrapped by a decorator whose one free variable,
`fn`, is the handler. Anything else is left alone, and the provider keeps to the plain contract.
"""

from __future__ import annotations

import concurrent.futures.thread
import contextlib
import functools
import gc
import inspect
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, cast

from google.protobuf import empty_pb2

from gpufleet_provider.http.exchange import stop_posting
from gpufleet_provider.plugin import engine_log, serving, watchdog
from gpufleet_provider.waiting.watcher import cancel_everything

_CALLS = {"Check": "check", "Diff": "diff", "Create": "create", "Read": "read", "Update": "update", "Delete": "delete"}
"""Handlers of the server → the provider's method that each of them calls."""
_MORE_THREADS_THAN_ANY_FLEET = 100_000
"""Threads of a pool start on demand, so this is no cost: the engine's own `--parallel` is the limit."""

_PARTS_OF_A_POOL = ("_adjust_thread_count", "_idle_semaphore", "_shutdown_lock", "_threads", "_work_queue")

_lock = threading.Lock()
_done = False


def install() -> None:
    """Upgrade the plugin server that this process is, once.

    Outside a plugin process nothing happens. On a server of an unknown shape nothing is changed but that the process
    ends with its engine, and one warning says so.
    """
    global _done
    address = engine_log.engine_address()
    with _lock:
        if address is None or _done:
            return
        _done = True
        watchdog.start(address)
        handlers, pool = _recognised(sys.modules["__main__"]), _pool()
        if handlers is None or pool is None:
            engine_log.warn(
                "pulumi-gpufleet does not know this version of Pulumi's Python plugin server and leaves it as it is: "
                "four operations run at a time, errors come with a traceback, and Ctrl-C waits for them"
            )
            return
        for name, handler in handlers.items():
            if name in _CALLS:
                serving.stock_handlers[name] = types.FunctionType(handler.__code__, handler.__globals__, name)
            handler.__code__ = getattr(_Shims, name).__code__
        _widen(pool)
        # Every poll brings a fleet's replies, hardly any of them garbage; at its usual pace the collector never stops.
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)


def _recognised(main: types.ModuleType) -> dict[str, types.FunctionType] | None:
    """Return the real handlers of a stock server of a known shape, by name; None when anything looks different."""
    servicer = getattr(main, "DynamicResourceProviderServicer", None)
    get_provider = getattr(main, "get_provider", None)
    if not inspect.isclass(servicer) or not isinstance(get_provider, types.FunctionType):
        return None
    if list(inspect.signature(get_provider).parameters) != ["props", "config"] or not hasattr(servicer, "_config"):
        return None
    handlers: dict[str, types.FunctionType] = {}
    for name in (*_CALLS, "Cancel"):
        found = vars(servicer).get(name)
        if isinstance(found, types.FunctionType) and found.__code__.co_freevars == ("fn",):
            found = cast("tuple[types.CellType, ...]", found.__closure__)[0].cell_contents
        if not isinstance(found, types.FunctionType) or not _is_handler(found, _CALLS.get(name)):
            return None
        handlers[name] = found
    return handlers


def _is_handler(function: types.FunctionType, method: str | None) -> bool:
    """Whether a function has the parameters of a handler and calls the provider's method that a handler calls."""
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if code.co_freevars or parameters != ("self", "request", "context"):
        return False
    return method is None or {"get_provider", method}.issubset(code.co_names)


def _pool() -> Any:
    """Return the server's pool, on one of whose threads this runs; None where the standard library has changed."""
    # A worker thread is given a weak reference to its pool as the first argument.
    arguments: tuple[Any, ...] = getattr(threading.current_thread(), "_args", ())
    pool = arguments[0]() if arguments and callable(arguments[0]) else None
    known = all(hasattr(pool, name) for name in _PARTS_OF_A_POOL)
    return pool if known and isinstance(getattr(pool, "_max_workers", None), int) else None


def _widen(pool: Any) -> None:
    """Give every call a thread, those that are queued already included (a destroy begins with all its deletes)."""
    with pool._shutdown_lock:
        pool._max_workers = _MORE_THREADS_THAN_ANY_FLEET
        worker: Any = getattr(concurrent.futures.thread, "_worker", None)
        if "get_nowait" not in getattr(worker, "__code__", _widen.__code__).co_names:
            pool._idle_semaphore = _IdleThreads(pool)
        pool._adjust_thread_count = functools.partial(_start_where_possible, pool._adjust_thread_count)
        for _ in range(pool._work_queue.qsize()):
            pool._adjust_thread_count()


def _start_where_possible(start_thread: Callable[[], None]) -> None:
    """Start one more thread of the pool; where the process may start none, the call queues for those that there are.

    The error would end the server's own loop, and with it every answer. The pool has at least the thread that it was
    widened on.
    """
    with contextlib.suppress(RuntimeError):
        start_thread()


class _IdleThreads:
    """Stands in for the semaphore of a pool's idle threads, and counts them right.

    Up to Python 3.11 a worker counts itself idle after every call, even when it goes straight on to the next one: after
    a rush of checks such a pool believes in hundreds of idle threads, and starts none for the creates that follow.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        # A thread that is idle at this moment counts as busy for good, which costs one thread more than needed.
        self._busy = len(pool._threads)

    def acquire(self, *_: Any, **__: Any) -> bool:
        """Count one more call, and say whether there is a thread for it."""
        with self._lock:
            self._busy += 1
            return self._busy <= len(self._pool._threads)

    def release(self) -> None:
        """Count a call that a thread has finished."""
        with self._lock:
            self._busy -= 1


class _Shims:
    """The new code of the handlers. Each runs with the stock server's globals, hence the import inside."""

    def Check(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider.plugin import serving

        return serving.check(self, request, context)

    def Diff(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider.plugin import serving

        return serving.diff(self, request, context)

    def Create(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider.plugin import serving

        return serving.create(self, request, context)

    def Read(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider.plugin import serving

        return serving.read(self, request, context)

    def Update(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider.plugin import serving

        return serving.update(self, request, context)

    def Delete(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider.plugin import serving

        return serving.delete(self, request, context)

    def Cancel(self: Any, request: Any, context: Any) -> Any:
        from gpufleet_provider.plugin import upgrade

        return upgrade.cancel()


def cancel() -> empty_pb2.Empty:
    """Answer the engine's Cancel: waits end and keep their ids, and nothing new is created."""
    stop_posting("the run was cancelled")
    cancel_everything("the run was cancelled")
    return empty_pb2.Empty()
