"""The simulator's own controls over HTTP, under `/_sim`: the methods of `Simulation` as routes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, Response, request

from gpufleet_provider.simulator.simulation import BadControl, Settings, Simulation
from gpufleet_provider.simulator.wire import json_bytes, parsed_json


def controls(simulation: Simulation, end_process: Callable[[], None] | None) -> Blueprint:
    """The routes under `/_sim`; `end_process` ends the simulator's own process, and is None where it has none.

    GET ledger, live_history, requests, requests/log, faults, clock, switches, health; DELETE faults, faults/{id},
    requests; POST faults, clock, switches, reset, stop, {kind}/{id}/{action}. The kinds are those of the ledger, such
    as `clusters`.
    """
    api = Blueprint("sim", __name__, url_prefix="/_sim")

    def get(path: str, answer: Callable[[], Any]) -> None:
        api.add_url_rule(path, f"get {path}".replace(".", " "), lambda: _json(answer()), methods=["GET"])

    get("/health", lambda: {"ok": True, "pid": os.getpid(), "clouds": list(simulation.clouds)})
    get("/ledger", simulation.ledger)
    get("/live_history", simulation.live_history)
    get("/requests", simulation.requests)
    get("/requests/log", simulation.request_log)
    get("/faults", lambda: simulation.faults.report())
    get("/clock", simulation.clock)
    get("/switches", simulation.switches)

    @api.delete("/requests")
    def clear_requests() -> Response:
        simulation.clear_requests()
        return _json({})

    @api.post("/faults")
    def add_fault() -> Response:
        body = _parsed()
        rules = cast("list[Any]", body if isinstance(body, list) else [body])
        if not all(isinstance(rule, dict) for rule in rules):
            raise BadControl("a fault rule is a JSON object")
        made = [simulation.add_fault(rule).id for rule in rules]
        return _json({"ids": made} if isinstance(body, list) else {"id": made[0]})

    @api.delete("/faults")
    @api.delete("/faults/<rule_id>")
    def clear_faults(rule_id: str | None = None) -> Response:
        simulation.clear_faults(rule_id)
        return _json({})

    @api.post("/clock")
    def set_clock() -> Response:
        body = _object({"advance_seconds", "speed", "now"})
        for name, value in body.items():
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise BadControl(f"{name} must be a number")
            if abs(value) > 1e12:
                raise BadControl(f"{name} is too large")
        return _json(simulation.set_clock(**body))

    @api.post("/switches")
    def set_switches() -> Response:
        return _json(simulation.set_switches(_object(None)))

    @api.post("/stop")
    def stop() -> Response:
        if end_process is None:
            return _json({"error": "this simulator is part of another process, and ends with it"}, 409)
        end_process()
        return _json({})

    @api.post("/reset")
    def reset() -> Response:
        body = _object({"speed", "provisioning_seconds", "switches", "seed", "canary"})
        simulation.reset(Settings.of({**vars(simulation.settings), **body}))
        return _json(simulation.clock())

    @api.post(f"/<any({', '.join(simulation.kinds())}):_kind>/<record_id>/<action>")
    def intervene(_kind: str, record_id: str, action: str) -> Response:
        simulation.intervene(record_id, action, _object(None))
        return _json({})

    @api.errorhandler(BadControl)
    def bad_control(error: BadControl) -> Response:
        return _json({"error": str(error)}, 400)

    return api


def _parsed() -> Any:
    try:
        return parsed_json(request.get_data())
    except ValueError as error:
        raise BadControl(f"the body is not JSON: {error}") from None


def _object(known: set[str] | None) -> dict[str, Any]:
    """The request's JSON object, empty if there is no body."""
    body: Any = _parsed() if request.get_data() else {}
    if not isinstance(body, dict):
        raise BadControl("the body must be a JSON object")
    fields = cast("dict[str, Any]", body)
    unknown = sorted(set(fields) - known) if known is not None else []
    if unknown:
        raise BadControl(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known or ()))}")
    return fields


def _json(value: Any, status: int = 200) -> Response:
    return Response(json_bytes(value), status, content_type="application/json")
