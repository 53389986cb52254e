"""The process that has imported everything: one fork of it per client, which then is what the client was to be."""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import io
import marshal
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
import types
from typing import Any, NamedTuple

from pulumi_embedded.storage.secrets import PassphraseCrypter

IMPORTED = (
    "pulumi.dynamic",
    "pulumi_random",
    "pulumi_gpufleet.together",
    "pulumi_gpufleet.shadeform",
    "gpufleet_provider.dynamic",
    "pulumi_embedded.commands.main",
)
"""Imports only: nothing here may start a thread or open a channel, which a fork would not have."""


class Request(NamedTuple):
    """What a client was started with."""

    words: list[str]
    """`-m`, a module and its arguments, or a script and its arguments."""
    is_unbuffered: bool
    directory: str
    environment: dict[str, str]


class Fork(NamedTuple):
    """A request in the process that was forked for it."""

    request: Request
    streams: list[int]


def serve(address: str) -> Fork:
    """Fork for every client; returns in the forked processes only."""
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C in the terminal is for pytest.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("ready", flush=True)
    clients: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    for source in (listener, woken, sys.stdin):
        selector.register(source, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                for pid in clients:
                    os.kill(pid, signal.SIGKILL)
                os._exit(0)
            elif key.fileobj is woken:
                with contextlib.suppress(BlockingIOError):
                    woken.recv(4096)
                for pid, code in _ended():
                    client = clients.pop(pid)
                    with contextlib.suppress(OSError):
                        client.send(code.to_bytes(4, "big", signed=True))
                    with contextlib.suppress(KeyError):
                        selector.unregister(client)
                    client.close()
            elif key.fileobj is listener:
                client, _ = listener.accept()
                received = _received(client)
                if received is None:
                    client.close()
                    continue
                request, streams = received
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    for each in (selector, listener, woken, wake, client, *clients.values()):
                        each.close()
                    return Fork(request, streams)
                for stream in streams:
                    os.close(stream)
                clients[pid] = client
                selector.register(client, selectors.EVENT_READ, pid)
            elif clients.get(key.data) is key.fileobj:
                # The client was killed: so is what it stands for, unless it has just ended.
                selector.unregister(key.fileobj)
                os.kill(key.data, signal.SIGKILL)


def _ended() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((found[0], os.waitstatus_to_exitcode(found[1])))
    return ended


def _received(client: socket.socket) -> tuple[Request, list[int]] | None:
    """Return what a client was started with, and its standard streams; None if it was killed before it said so."""
    streams = array.array("i")
    try:
        size, ancillary, _, _ = client.recvmsg(4, socket.CMSG_SPACE(3 * 4))
        for _, _, descriptors in ancillary:
            streams.frombytes(descriptors)
        with client.makefile("rb") as stream:
            return Request(*marshal.loads(stream.read(int.from_bytes(size, "big")))), list(streams)
    except (OSError, EOFError, ValueError):
        for descriptor in streams:
            os.close(descriptor)
        return None


def become(fork: Fork, executable: str) -> dict[str, Any]:
    """Make this process what a fresh Python would be; returns the namespace of its `__main__`."""
    request, streams = fork
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    is_unbuffered = request.is_unbuffered or "PYTHONUNBUFFERED" in request.environment
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    sys.stdout = sys.__stdout__ = _stream(1, is_unbuffered)
    sys.stderr = sys.__stderr__ = _stream(2, is_unbuffered, errors="backslashreplace")
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.executable = executable
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    return main.__dict__


def _stream(number: int, is_unbuffered: bool, errors: str = "strict") -> io.TextIOWrapper:
    if is_unbuffered:
        return io.TextIOWrapper(io.FileIO(number, "w", closefd=False), errors=errors, write_through=True)
    return open(number, "w", 1 if number == 2 or os.isatty(number) else -1, errors=errors, closefd=False)


def run(words: list[str], namespace: dict[str, Any]) -> int:
    """Run a module or a script as Python's own command line does; returns the exit code."""
    try:
        if words[0] == "-m":
            sys.argv = ["-m", *words[2:]]
            sys.path[0] = os.getcwd()
            runpy._run_module_as_main(words[1])  # pyright: ignore
        else:
            sys.argv = words
            sys.path[0] = os.path.dirname(os.path.abspath(words[0]))
            namespace["__file__"] = words[0]
            with open(words[0], "rb") as file:
                code = compile(file.read(), words[0], "exec")
            exec(code, namespace)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(code: int) -> None:
    """End as Python does, but without taking everything apart that was imported: that takes longer than the fork."""
    threading._shutdown()  # pyright: ignore
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    _, _address, _executable, _passphrase, _salt = sys.argv
    for _name in IMPORTED:
        importlib.import_module(_name)
    # The engine remembers the keys that it has derived.
    PassphraseCrypter.unlock(_salt, _passphrase)
    gc.collect()
    gc.freeze()
    _fork = serve(_address)
    end(run(_fork.request.words, become(_fork, _executable)))
