"""Runs a Pulumi program: the first thing in the program's own process, with the program's own Python.

Started as a file, not as a module, because that Python need not have this package. Reads one JSON document of settings
from standard input. Ends with 32 when the program failed and the engine was told why.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

_EXPLAINED = 32
_THREADS = 4096


def main() -> int:
    """Run the program to its end."""
    settings = json.load(sys.stdin)
    sys.path.pop(0)  # The folder of this file.
    try:
        import pulumi
        import pulumi.runtime
    except ImportError as error:
        print(
            f"The program's Python, {sys.executable}, cannot import the Pulumi SDK ({error}); "
            "install it there with `pip install pulumi`",
            file=sys.stderr,
        )
        return 1
    pulumi.runtime.set_all_config(settings["config"], settings["config_secret_keys"])
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
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
    program = settings["program"]
    sys.argv = [program]
    sys.path.insert(0, os.path.dirname(program) if program.endswith(".py") else program)
    # Programs end with futures that nobody looks at whenever a resource fails; asyncio's complaints would be noise.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Every registration holds a thread until the engine has answered.
    executor = ThreadPoolExecutor(max_workers=_THREADS)
    loop.set_default_executor(executor)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _run(program)))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return _EXPLAINED
    except SystemExit as error:
        if _monitor_is_gone():
            return 0
        where = _where(error)
        pulumi.log.error(
            f"the program ended early, by sys.exit({'' if error.code is None else repr(error.code)}){where}; "
            "nothing that it did not get to declare was touched"
        )
        return _EXPLAINED
    except Exception as error:
        pulumi.log.error("Program failed with an unhandled exception:\n" + _explain(error))
        return _EXPLAINED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _run(program):
    runpy.run_path(program, run_name="__main__")


def _engine(address):
    """The engine, without the SDK's debug messages: there are several per resource, each a round trip."""
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))
    log = stub.Log

    def log_but_debug(request):
        if request.severity != engine_pb2.DEBUG:
            log(request)

    stub.Log = log_but_debug
    return stub


def _monitor_is_gone():
    """Whether the engine has ended the deployment, after which the SDK leaves by SystemExit."""
    import grpc
    from pulumi.runtime import settings
    from pulumi.runtime.proto import resource_pb2

    monitor = settings.get_monitor()
    try:
        monitor.SupportsFeature(resource_pb2.SupportsFeatureRequest(id="secrets"), timeout=5)
    except grpc.RpcError:
        return True
    return False


def _explain(error):
    """The exception with those frames of its traceback that are the user's."""
    if isinstance(error, SyntaxError):
        return "".join(traceback.format_exception_only(type(error), error))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users(frame.filename)]
    cause = error.__cause__
    before = ""
    if cause is not None and not own:
        before = _explain(cause) + "\n"
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(own)] if own else []
    return before + "".join([*lines, *traceback.format_exception_only(type(error), error)])


def _where(error):
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f" in {own[-1].filename}, line {own[-1].lineno}" if own else ""


def _is_users(filename):
    if filename.startswith("<") or os.path.abspath(filename) == os.path.abspath(__file__):
        return False
    path = os.path.abspath(filename)
    library = os.path.dirname(os.path.abspath(os.__file__))
    return not path.startswith(library) and f"{os.sep}site-packages{os.sep}" not in path


if __name__ == "__main__":
    code = main()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    # Threads that still wait for an engine which has ended the deployment must not keep the process.
    os._exit(code)
