"""Exits when the engine is gone, so that it cannot create a cluster after the next run has looked for one."""

from __future__ import annotations

import os
import socket
import threading
import time

from gpufleet_provider.http.exchange import stop_posting
from gpufleet_provider.plugin import engine_log
from gpufleet_provider.waiting.watcher import cancel_everything

INTERVAL_SECONDS = 1.0
REFUSALS_IN_A_ROW = 3
GRACE_SECONDS = 1.0

_engine: tuple[str, int] | None = None


def start(engine_address: str) -> None:
    """Watch the engine's address from now on, and end this process soon after it refuses connections."""
    global _engine
    host, _, port = engine_address.rpartition(":")
    _engine = host.strip("[]") or "127.0.0.1", int(port)
    try:
        threading.Thread(target=_watch, name="engine-watchdog", daemon=True).start()
    except RuntimeError:
        # Creates ask for themselves; without the thread, only what waits goes on waiting for an engine that is gone.
        engine_log.warn(
            "pulumi-gpufleet may start no more threads and works with those it has, which is slow: raise the limit on "
            "processes and threads (`ulimit -u`, or the pids limit of the container)"
        )


def stop_if_engine_is_gone() -> bool:
    """Ask whether the engine is still there, and return whether it is; once it is not, nothing is posted any more.

    Called before every create, too: within a second the next run may have looked for what this one created. Where
    nothing is watched (no plugin process), the answer is yes.
    """
    if _engine is None:
        return True
    try:
        socket.create_connection(_engine, timeout=2).close()
    except ConnectionRefusedError:
        # The engine's port is on this machine: a refusal proves that nobody listens.
        stop_posting("the engine is gone")
        return False
    except OSError:
        # An engine that is too busy to answer, or too few sockets here, prove nothing.
        return True
    return True


def _watch() -> None:
    refusals = 0
    while refusals < REFUSALS_IN_A_ROW:
        time.sleep(INTERVAL_SECONDS)
        refusals = 0 if stop_if_engine_is_gone() else refusals + 1
    cancel_everything("the engine is gone")
    time.sleep(GRACE_SECONDS)
    # Nobody is left to answer: an ordinary exit would wait for the server's threads, some of them in a request.
    os._exit(1)
