"""The plugin ends with its engine: a forgotten plugin that posts after the next run has looked is a second cluster."""

from __future__ import annotations

import os
import socket
import threading
import time

from gpufleet_provider import http
from gpufleet_provider.waiting import cancel_everything

INTERVAL_SECONDS = 1.0
FAILURES_IN_A_ROW = 3
GRACE_SECONDS = 1.0


def start(engine_address: str) -> threading.Thread:
    """Watch the engine's address for as long as this process lives; the process exits soon after nobody answers."""
    thread = threading.Thread(target=_watch, args=(engine_address,), name="engine-watchdog", daemon=True)
    thread.start()
    return thread


def _watch(address: str) -> None:
    host, _, port = address.rpartition(":")
    failures = 0
    while failures < FAILURES_IN_A_ROW:
        time.sleep(INTERVAL_SECONDS)
        try:
            socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)), timeout=2).close()
            failures = 0
        except OSError:
            # A refusal proves that nobody listens; the first one already ends what costs money.
            failures += 1
            http.stop_posting("the engine is gone")
    cancel_everything("the engine is gone")
    time.sleep(GRACE_SECONDS)
    # Nobody is left to answer to: the server's threads, some in a request, would keep an ordinary exit waiting.
    os._exit(1)
