"""One request and its reply, with one time limit for both, and the switch that stops all sending in this process."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any

import httpx

MOST_BYTES = 256 << 20
"""Of one reply, decompressed: a list of ten thousand clusters is a quarter of it."""
MOST_BYTES_OF_A_REFUSAL = 1 << 18
"""Of a reply that is no success; the rest is not read."""
ENCODINGS = ("gzip", "deflate")
"""Each makes at most a thousand bytes of one. Two on top of each other, or `br`, could make a million."""


class TimedOut(Exception):
    """An exchange took longer than its time limit; whether the request was carried out is not known."""


class Unbounded(Exception):
    """A reply came that is larger than any should be, or that is compressed in a way which could make it so."""


class NotSent(Exception):
    """The process is stopping: nothing was sent, or nobody needs the answer any more."""


# --- Stopping ---------------------------------------------------------------------------------------------------------


class Stop:
    """Whether this process may still change anything, and the reads in flight that are given up once it may not."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.reason = ""
        self._lock = threading.Lock()
        self._reads: weakref.WeakSet[Exchange] = weakref.WeakSet()

    def call(self, reason: str) -> None:
        """Stop for good; the first reason stands."""
        with self._lock:
            if not self.called.is_set():
                self.reason = reason
                self.called.set()
            reads = list(self._reads)
        for read in reads:
            read.give_up()

    def add_read(self, read: Exchange) -> None:
        """Have a read given up when everything stops."""
        with self._lock:
            self._reads.add(read)


STOP = Stop()
"""The switch of this process."""


def stop_posting(reason: str) -> None:
    """Let nothing more be sent that could change an account, for the rest of this process; `reason` is for users.

    Creates, updates and deletes raise `Stopped` from now on, retries end, GETs in flight are abandoned. What has been
    sent is waited for: its answer holds an id.
    """
    STOP.call(reason)


def stopped() -> str | None:
    """Return the reason that `stop_posting` was given, or None while it has not been called."""
    return STOP.reason if STOP.called.is_set() else None


# --- One exchange -----------------------------------------------------------------------------------------------------


class Exchange:
    """One request on a thread of its own, waited for no longer than its time limit.

    httpx limits each phase only: a resolver that hangs, or a server that sends a byte at a time, would block for ever.
    An exchange that is given up sends nothing more, and its answer is dropped. Where the process may start no more
    threads, the request runs on the thread that asks, with the limits of httpx and one for the whole body.
    """

    def __init__(self, client: httpx.Client, request: httpx.Request) -> None:
        request.extensions = {**request.extensions, "trace": self._trace}
        self._client = client
        self._request = request
        self._changes = request.method != "GET"
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._given_up = False
        self._reply: httpx.Response | None = None
        self._error: Exception | None = None
        self._ends_at = float("inf")
        """Until when a body is read on the thread that asks, which cannot give itself up."""

    def reply(self, total_seconds: float) -> httpx.Response:
        """Send the request and return the whole reply; raises what httpx raises, `TimedOut` or `NotSent`."""
        if not self._changes:
            STOP.add_read(self)
        try:
            threading.Thread(target=self._run, name="gpufleet-http", daemon=True).start()
        except RuntimeError:
            self._ends_at = time.monotonic() + total_seconds
            self._run()
        if not self._over.wait(total_seconds):
            self.give_up()
        if self._error is not None:
            raise self._error
        if self._reply is None:
            raise NotSent if STOP.called.is_set() and not self._changes else TimedOut
        return self._reply

    def give_up(self) -> None:
        """End the wait for the reply; a request that has not been sent by now never is."""
        with self._lock:
            self._given_up = True
        self._over.set()

    def _run(self) -> None:
        try:
            whole = self._received()
            with self._lock:
                if not self._given_up:
                    self._reply = whole
        except Exception as error:
            with self._lock:
                if not self._given_up:
                    self._error = error
        finally:
            self._over.set()

    def _received(self) -> httpx.Response:
        reply = self._client.send(self._request, stream=True)
        chunks: list[bytes] = []
        bytes_left = MOST_BYTES if reply.is_success else MOST_BYTES_OF_A_REFUSAL
        try:
            encoding = reply.headers.get("content-encoding", "identity").strip().lower()
            if encoding not in ("identity", *ENCODINGS):
                raise Unbounded(f"the answer is compressed as {encoding[:40]!r}, which was not asked for")
            for chunk in reply.iter_bytes():
                if self._given_up:
                    break
                if time.monotonic() > self._ends_at:
                    raise TimedOut
                chunks.append(chunk[:bytes_left])
                bytes_left -= len(chunk)
                if bytes_left < 0:
                    if reply.is_success:
                        raise Unbounded(f"the answer is larger than {MOST_BYTES >> 20} MiB")
                    break
        finally:
            reply.close()
        # The chunks are decoded: headers that speak of an encoding would have them decoded once more.
        kept = [(name, value) for name, value in reply.headers.items() if not name.startswith("content-")]
        return httpx.Response(reply.status_code, headers=kept, content=b"".join(chunks))

    def _trace(self, event: str, _info: Mapping[str, Any]) -> None:
        # The last moment before the first byte: what was given up while it was connecting must not be sent after all.
        if event.endswith("send_request_headers.started"):
            with self._lock:
                if self._given_up or (self._changes and STOP.called.is_set()):
                    raise NotSent
