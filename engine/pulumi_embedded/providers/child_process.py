"""Starts and ends child processes: the program, the plugins and the type checker."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LOOPBACK: Final = "127.0.0.1,localhost,::1"
_STARTER: Final = Path(__file__).with_name("child_starter.py")


async def start_child(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: Path | str,
    *,
    stdin: int = asyncio.subprocess.DEVNULL,
    longest_line_bytes: int = 1 << 16,
) -> asyncio.subprocess.Process:
    """Start a command that ends when the engine does, even if the engine is killed; its output is piped.

    It has a session of its own: a Ctrl-C in the terminal reaches it as the engine wants, not as a signal. A command
    that cannot be run prints why and exits with code 127.
    It reaches this machine without the proxy that the environment may name.
    """
    pipe = _pipe()
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(_STARTER),
        str(os.getpid()),
        str(pipe),
        *command,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=with_direct_loopback(environment),
        cwd=directory,
        limit=longest_line_bytes,
        start_new_session=True,
        pass_fds=(pipe,),
    )


def with_direct_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which no proxy is asked for this machine, whatever proxy is set and for which hosts.

    gRPC reads `no_grpc_proxy`, and `no_proxy` only without it; Python reads `NO_PROXY` only without `no_proxy`.
    """
    changed = dict(environment)
    for name, fallbacks in (
        ("no_grpc_proxy", ("no_proxy", "NO_PROXY")),
        ("no_proxy", ("NO_PROXY",)),
        ("NO_PROXY", ("no_proxy",)),
    ):
        hosts = next(filter(None, map(environment.get, (name, *fallbacks))), "")
        changed[name] = f"{hosts},{_LOOPBACK}" if hosts else _LOOPBACK
    return changed


def signal_child(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to a child and to what it has started, unless it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


@functools.cache
def _pipe() -> int:
    """The end of a pipe that children read; the other end, which only this process has, closes with it."""
    return os.pipe()[0]
