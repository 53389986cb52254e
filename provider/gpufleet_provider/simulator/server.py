"""The simulator's HTTP server: every cloud's routes, the controls under `/_sim`, and faults down to the socket.

It is Waitress, because there a worker has access to its connection: a reset is a real TCP reset, and a lost reply is
lost after the call was carried out and committed.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from flask import Flask, Response, request
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import WSGITask
from waitress.wasyncore import close_all
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.controls import controls
from gpufleet_provider.simulator.faults import FaultRule
from gpufleet_provider.simulator.simulation import Settings, Simulation
from gpufleet_provider.simulator.wire import Call, Refusal, Reply, Route, json_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_SOCKET = "gpufleet.socket"
_RESET = "gpufleet.reset"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Server:
    """A simulation on a loopback port, served by its own threads until `stop`."""

    def __init__(
        self,
        simulation: Simulation,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        threads: int = 48,
        end_process: Callable[[], None] | None = None,
    ) -> None:
        """Listen at once; port 0 takes a free one. Raises OSError if the port is in use, ValueError off loopback.

        `end_process` is what `POST /_sim/stop` calls; without it, a stop is refused.
        """
        if host not in _LOOPBACK:
            raise ValueError(f"the simulator only listens on loopback, not on {host}")
        self.simulation = simulation
        self._stopping = threading.Event()
        self._closing = threading.Lock()
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        self._server: Any = create_server(
            self._wsgi,
            host=host,
            port=port,
            threads=threads,
            connection_limit=4000,
            channel_timeout=600,
            log_socket_errors=False,
            asyncore_use_poll=hasattr(select, "poll"),
            outbuf_overflow=1 << 28,
            ident="gpufleet-simulator",
            clear_untrusted_proxy_headers=False,
        )
        self._server.channel_class = _Channel
        self._open: dict[int, Any] = self._server._map
        self.port = int(self._server.effective_port)
        self.url = f"http://{'[::1]' if host == '::1' else '127.0.0.1'}:{self.port}"
        self._app = self._make_app(end_process)

    def run(self) -> None:
        """Serve until `stop` or an interrupt."""
        self._server.run()
        self._end_delays()
        self._server.task_dispatcher.shutdown()
        with self._closing:
            close_all(self._open)

    def stop(self) -> None:
        """End `run` and close every connection; called from another thread."""
        self._end_delays()
        with self._closing:
            self._server.trigger.pull_trigger(self._leave_loop)

    def _end_delays(self) -> None:
        """Let every call go on that a rule delays; one that was not carried out yet is reset."""
        self._stopping.set()
        self.simulation.clear_faults()

    def _leave_loop(self) -> None:
        """End the server's loop, which runs as long as it has sockets; they stay open until the workers are done.

        A file descriptor that is closed while a worker still writes to it may by then belong to another file.
        """
        self._open = dict(self._server._map)
        self._server._map.clear()

    def _wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = self._with_version(environ["PATH_INFO"])
        chunks = self._app(environ, start_response)
        if environ.get(_RESET):
            # SO_LINGER with no time makes the close a reset; Waitress closes after an OSError and sends nothing.
            environ[_SOCKET].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError
        return chunks

    def _with_version(self, path: str) -> str:
        """The path below the cloud's prefix, however often its version is in it.

        A vendor's clients do not agree on whether a base URL ends in `/v1`: some add it, and some do not.
        """
        for cloud in self.simulation.clouds.values():
            root, _, version = cloud.prefix.rpartition("/")
            if path == root or path.startswith(root + "/"):
                rest = path[len(root) :]
                while rest == f"/{version}" or rest.startswith(f"/{version}/"):
                    rest = rest[len(version) + 1 :]
                return cloud.prefix + rest
        return path

    def _make_app(self, end_process: Callable[[], None] | None) -> Flask:
        app = Flask("gpufleet-simulator", static_folder=None)
        app.before_request(_refuse_strangers)
        app.url_map.strict_slashes = False
        for name, cloud in self.simulation.clouds.items():
            for index, route in enumerate(cloud.routes):
                rule = (cloud.prefix + route.path).replace("{", "<").replace("}", ">")
                app.add_url_rule(
                    rule,
                    endpoint=f"{name}:{index}",
                    view_func=self._view(name, index, cloud.prefix + route.path),
                    methods=[route.method],
                    provide_automatic_options=False,
                )
        app.register_blueprint(controls(self.simulation, end_process))
        app.register_error_handler(HTTPException, self._unrouted)
        return app

    def _view(self, cloud_name: str, index: int, template: str) -> Any:
        def view(**params: str) -> Response:
            # Looked up for each call, because a reset makes new clouds.
            cloud = self.simulation.clouds[cloud_name]
            return self._answer(cloud, cloud.routes[index], template, params)

        return view

    def _answer(self, cloud: SimulatedCloud[Any], route: Route, template: str, params: dict[str, str]) -> Response:
        call = Call(
            method=request.method,
            path=request.path,
            template=template,
            params=params,
            query=request.args,
            headers=request.headers,
            body=request.get_data(),
        )
        rule = self.simulation.matching_fault(cloud, route, call)
        reply = self._faulty(cloud, route, call, rule) if rule else self.simulation.answer(cloud, route, call)
        status = None if request.environ.get(_RESET) else reply.status
        self.simulation.log_request(call.method, template, call.path, status, rule.fault if rule else None)
        response = Response(reply.body, reply.status, reply.headers, content_type=reply.content_type)
        if rule is not None and rule.fault == "truncated":
            response.automatically_set_content_length = False
            response.headers["Content-Length"] = str(2 * len(reply.body) + 1)
        return response

    def _faulty(self, cloud: SimulatedCloud[Any], route: Route, call: Call, rule: FaultRule) -> Reply:
        """The reply that a fault rule asks for, or a mark in the environment that the connection is reset."""
        if rule.fault == "slow" and not rule.accepted:
            rule.delay()
            if self._stopping.is_set():
                request.environ[_RESET] = True
                return Reply.of({})
        reply = self.simulation.answer(cloud, route, call) if rule.carried_out else Reply.of({})
        if rule.fault in ("reset", "reply_lost"):
            request.environ[_RESET] = True
        elif rule.fault == "slow" and rule.accepted:
            rule.delay()
        elif rule.fault == "status":
            return _status(cloud, rule)
        elif rule.fault == "rate_limited":
            limited = cloud.refuse(Refusal(429, "Rate limit exceeded", "rate_limited"))
            limited.headers["Retry-After"] = f"{rule.retry_after_seconds:g}"
            return limited
        elif rule.fault == "sold_out":
            return cloud.refuse(cloud.sold_out())
        elif rule.fault == "garbage":
            return Reply(200, b"<html><body>upstream connect error</body></html>", "text/html")
        elif rule.fault == "empty":
            return Reply(200, b"")
        elif rule.fault == "empty_list":
            return Reply(200, json_bytes(_with_empty_lists(reply)))
        elif rule.fault == "truncated":
            return Reply(200, reply.body[: len(reply.body) // 2])
        elif rule.fault == "altered":
            reply.body = json_bytes(_altered(json.loads(reply.body), rule.body))
        return reply

    def _unrouted(self, error: HTTPException) -> Response:
        """404 and 405 in the shape of the cloud that was asked."""
        path = request.path
        for cloud in self.simulation.clouds.values():
            if path == cloud.prefix or path.startswith(cloud.prefix + "/"):
                self.simulation.log_request(request.method, path, path, error.code, None)
                reason = "Method not allowed" if isinstance(error, MethodNotAllowed) else "Not found"
                if not isinstance(error, (MethodNotAllowed, NotFound)):
                    reason = error.name
                reply = cloud.refuse(Refusal(error.code or 500, f"{reason}: {request.method} {path}"))
                return Response(reply.body, reply.status, content_type=reply.content_type)
        return Response(json_bytes({"error": f"{error.name}: {path}"}), error.code, content_type="application/json")


def _refuse_strangers() -> Response | None:
    """Refuse what a web page can send: under another host's name, or from another origin."""
    senders = [f"//{request.host}", *request.headers.getlist("Origin")]
    if all(_host(sender) in _LOOPBACK for sender in senders):
        return None
    return Response(
        json_bytes({"error": "the simulator answers only to this machine: 127.0.0.1, [::1] or localhost"}),
        403,
        content_type="application/json",
    )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _status(cloud: SimulatedCloud[Any], rule: FaultRule) -> Reply:
    if rule.body is None:
        reply = cloud.refuse(Refusal(rule.status, f"simulated {rule.status}"))
    elif isinstance(rule.body, str):
        reply = Reply(rule.status, rule.body.encode(), "text/plain; charset=utf-8")
    else:
        reply = Reply.of(rule.body, rule.status)
    reply.headers.update(rule.headers)
    return reply


def _with_empty_lists(reply: Reply) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(reply.body)
    return {name: [] if isinstance(value, list) else value for name, value in body.items()}


def _altered(value: Any, fields: Mapping[str, Any]) -> Any:
    """A reply in which every field that is named has the value that is given for it."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {name: fields[name] if name in fields else _altered(it, fields) for name, it in entries.items()}
    if isinstance(value, list):
        return [_altered(it, fields) for it in cast("list[Any]", value)]
    return value


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8377,
    state: Path | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a simulator in this thread until SIGTERM or Ctrl-C; `on_ready(url)` is called once it listens.

    Raises UnusableState for the state file, OSError for a port that is in use, ValueError for a host off loopback.
    """
    simulation = Simulation(settings, state)
    try:
        server = Server(simulation, host=host, port=port, end_process=lambda: os.kill(os.getpid(), signal.SIGTERM))
        signal.signal(signal.SIGTERM, _terminate)
        on_ready(server.url)
        server.run()
    finally:
        simulation.close()


def _terminate(signum: int, frame: FrameType | None) -> None:
    """Waitress ends its loop on SystemExit, as on Ctrl-C."""
    raise SystemExit


class _Task(WSGITask):
    """Passes its connection to the application."""

    def get_environment(self) -> Any:
        environ: Any = super().get_environment()
        environ[_SOCKET] = self.channel.socket
        return environ


class _Channel(HTTPChannel):
    task_class = _Task
