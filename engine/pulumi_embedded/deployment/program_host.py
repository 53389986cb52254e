"""The main module of the program's process, which the program's own Python runs.

It is started as a file, not as a module, because that Python need not have this package. It reads its settings from
standard input as one JSON document, and exits with code 32 if the program failed and has reported why.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import importlib
import inspect
import json
import linecache
import logging
import os
import runpy
import sys
import threading
import time
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_EXPLAINED = 32
_THREADS = 4096
_POLL_SECONDS = 1.0
_POLLS_UNTIL_STUCK = 5


def main() -> int:
    """Run the program; returns the exit code."""
    settings: dict[str, Any] = json.load(sys.stdin)
    sys.path.pop(0)  # The folder of this file.
    try:
        sdk: Any = importlib.import_module("pulumi")
    except ImportError as error:
        print(
            f"The program's Python, {sys.executable}, cannot import the Pulumi SDK ({error}); "
            "install it there with `pip install pulumi`",
            file=sys.stderr,
        )
        return 1
    _configure(sdk, settings)
    # The SDK creates a thousand objects per resource that live as long as the program. Without this, the garbage
    # collector scans all of them again and again, and takes most of the time of a program with a thousand resources.
    gc.freeze()
    gc.set_threshold(500_000, 10, 10)
    program: str = settings["program"]
    sys.argv = [program]
    sys.path.insert(0, os.path.dirname(program) if program.endswith(".py") else program)
    # When a resource fails, the program exits with futures that nobody awaits; asyncio would log each of them.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Every registration blocks a thread until the engine has answered.
    executor = ThreadPoolExecutor(max_workers=_THREADS)
    loop.set_default_executor(executor)
    _Watchdog(sdk, loop, executor).start()
    try:
        loop.run_until_complete(sdk.runtime.run_in_stack(lambda: _run(sdk, program)))
    except sdk.RunError as error:
        sdk.log.error(str(error))
        return _EXPLAINED
    except SystemExit as error:
        sdk.log.error(
            f"the program ended early, by {_exit_call(error)}{_where(error)}; "
            "resources that it had not declared yet are unchanged"
        )
        return _EXPLAINED
    except Exception as error:
        sdk.log.error("Program failed with an unhandled exception:\n" + _explain(error))
        return _EXPLAINED
    return 0


def _configure(sdk: Any, settings: dict[str, Any]) -> None:
    sdk.runtime.set_all_config(settings["config"], settings["config_secret_keys"])
    sdk.runtime.configure(
        sdk.runtime.Settings(
            project=settings["project"],
            stack=settings["stack"],
            organization=settings["organization"],
            root_directory=settings["root_directory"],
            monitor=settings["monitor"],
            engine=_engine(settings["engine"]),
            parallel=settings["parallel"] or _THREADS,
            dry_run=settings["dry_run"],
        )
    )


def _run(sdk: Any, program: str) -> None:
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as error:
        if error.code not in (None, 0):
            raise
        if not _is_last_statement(error, program):
            sdk.log.warn(
                f"the program ended by {_exit_call(error)}{_where(error)}; "
                "resources that it has not declared are deleted"
            )


def _exit_call(error: SystemExit) -> str:
    return f"sys.exit({'' if error.code is None else repr(error.code)})"


def _is_last_statement(error: SystemExit, program: str) -> bool:
    """Whether the program exited in the last statement of its main file, as in `sys.exit(main())`."""
    main = program if program.endswith(".py") else os.path.join(program, "__main__.py")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == "<module>"]
    lines = [frame.lineno or 0 for frame in frames if os.path.abspath(frame.filename) == os.path.abspath(main)]
    with open(main, "rb") as file:
        statements = ast.parse(file.read()).body
    return bool(lines) and lines[0] >= statements[-1].lineno


def _engine(address: str) -> Any:
    """The engine's stub, which drops the SDK's debug messages: there are several per resource, each a round trip."""
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    stub: Any = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))
    log = stub.Log
    debug: int = engine_pb2.DEBUG

    def log_but_debug(request: Any) -> None:
        if request.severity != debug:
            log(request)

    stub.Log = log_but_debug
    return stub


# --- places in the user's program -------------------------------------------------------------------------------------


def _explain(error: BaseException, told: tuple[BaseException, ...] = ()) -> str:
    """The exception, with the frames of its traceback that are in the user's code.

    Without such frames, its cause comes first, unless that was told already: an exception may be its own cause.
    """
    if isinstance(error, SyntaxError):
        return "".join(traceback.format_exception_only(type(error), error))
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(own)] if own else []
    told = (*told, error)
    if error.__cause__ is not None and not own and not any(error.__cause__ is one for one in told):
        lines.insert(0, _explain(error.__cause__, told) + "\n")
    # Of a gRPC error, only the details are meant for a user.
    details: Any = getattr(error, "details", None)
    text = details() if callable(details) else None
    last = [f"{text}\n"] if isinstance(text, str) else traceback.format_exception_only(type(error), error)
    return "".join([*lines, *last])


def _where(error: BaseException) -> str:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f" in {own[-1].filename}, line {own[-1].lineno}" if own else ""


def _is_users(filename: str) -> bool:
    if filename.startswith("<") or os.path.abspath(filename) == os.path.abspath(__file__):
        return False
    path = os.path.abspath(filename)
    library = os.path.dirname(os.path.abspath(os.__file__))
    return not path.startswith(library) and f"{os.sep}site-packages{os.sep}" not in path


# --- programs that wait forever ---------------------------------------------------------------------------------------


class _Watchdog:
    """Ends a program that waits for an output which can never be resolved, and reports where.

    That is the case if the event loop has neither callbacks, timers nor sockets, no request to the engine is in
    progress, and no other thread could wake the loop.
    """

    def __init__(self, sdk: Any, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor) -> None:
        self._sdk = sdk
        self._loop: Any = loop
        self._executor: Any = executor
        self._outputs: list[tuple[weakref.ref[Any], str, int]] = []
        self._own_threads: set[int | None] = set()
        self._is_users: dict[str, bool] = {}

    def start(self) -> None:
        """Start the watching thread, and record where the program creates its outputs."""
        self._trace_outputs()
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        thread.start()
        self._own_threads = {thread.ident, threading.main_thread().ident}

    def _trace_outputs(self) -> None:
        output = self._sdk.Output
        # Newer SDKs have outputs that are not created by `__init__`, but all are tracked.
        method = "_track" if hasattr(output, "_track") else "__init__"
        original = getattr(output, method)

        def traced(this: Any, *args: Any, **kwargs: Any) -> None:
            original(this, *args, **kwargs)
            frame = inspect.currentframe()
            while frame is not None:
                name = frame.f_code.co_filename
                users = self._is_users.get(name)
                if users is None:
                    users = self._is_users[name] = _is_users(name)
                # The constructor of a user's resource class is not the place where the resource is declared.
                if users and frame.f_code.co_name != "__init__":
                    self._outputs.append((weakref.ref(this), name, frame.f_lineno))
                    return
                frame = frame.f_back

        setattr(output, method, traced)

    def _watch(self) -> None:
        quiet = 0
        while quiet < _POLLS_UNTIL_STUCK:
            time.sleep(_POLL_SECONDS)
            try:
                quiet = quiet + 1 if self._is_stuck() else 0
            except (AttributeError, RuntimeError):
                # The internals of this Python's asyncio are different: do not guess.
                return
        self._sdk.log.error("the program waits for an output that will never be resolved" + self._unresolved())
        time.sleep(0.2)
        os._exit(_EXPLAINED)

    def _is_stuck(self) -> bool:
        loop, executor = self._loop, self._executor
        busy = executor._work_queue.qsize() > 0 or executor._idle_semaphore._value < len(executor._threads)
        waits = loop._ready or loop._scheduled or len(loop._selector.get_map()) > 1
        known = self._own_threads | {thread.ident for thread in executor._threads}
        others = [
            thread
            for thread in threading.enumerate()
            if thread.ident not in known
            and "grpc" not in type(thread).__module__ + thread.name
            and getattr(thread, "_target", None) is not None
            and "grpc" not in getattr(thread._target, "__module__", "")  # pyright: ignore
        ]
        return loop.is_running() and not busy and not waits and not others

    def _unresolved(self) -> str:
        """The line of the user's program that waits, or the one that created the first unresolved output."""
        for task in asyncio.all_tasks(self._loop):
            coroutine: Any = task.get_coro()
            while coroutine is not None:
                frame = getattr(coroutine, "cr_frame", None)
                if frame is not None and _is_users(frame.f_code.co_filename):
                    return _line("in", frame.f_code.co_filename, frame.f_lineno)
                coroutine = getattr(coroutine, "cr_await", None)
        for reference, name, line in self._outputs:
            output = reference()
            state: dict[str, Any] = getattr(output, "__dict__", {})
            future: Any = state.get("_data") or state.get("_future")
            if isinstance(future, asyncio.Future) and not future.done():
                return _line("created in", name, line)
        return ""


def _line(how: str, name: str, line: int) -> str:
    return f", {how} {name}, line {line}:\n    {linecache.getline(name, line).strip()}"


if __name__ == "__main__":
    exit_code = main()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    # Threads that wait for an engine which has ended the deployment must not keep the process alive.
    os._exit(exit_code)
