"""One account of a simulated cloud: what exists in it, what was requested, and which faults it has."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from gpufleet_provider.simulator import RunningSimulator
from gpufleet_provider.simulator.wire import Call, Reply

from tests.conformance.example import Example

CANARY = "canary-in-every-secret"
KEY = f"{CANARY}-api-key"
SPEED = 20_000.0
"""Cloud seconds per second: an hour of provisioning takes a fifth of a second."""
NEW = "field_of_tomorrow"
"""A field that no body declares."""


def with_more_fields(value: Any, content: Any) -> Any:
    """Return a reply whose every object has one more field, with that content."""
    if isinstance(value, dict):
        return {**{key: with_more_fields(inner, content) for key, inner in value.items()}, NEW: content}
    return [with_more_fields(inner, content) for inner in value] if isinstance(value, list) else value


class Account:
    """The account of one cloud in a running simulator, for one kind of resource."""

    def __init__(self, simulator: RunningSimulator, cloud: str, example: Example) -> None:
        self.simulator = simulator
        self.cloud = cloud
        self.kind = example.kind
        self.base_url = simulator.base_url(cloud)
        self._answer = simulator.simulation.answer
        routes = simulator.simulation.clouds[cloud].routes
        prefix = simulator.simulation.clouds[cloud].prefix
        self._creates = {f"{route.method} {prefix}{route.path}" for route in routes if route.creates}
        (self.create_path,) = {route.path for route in routes if route.creates == example.kind}

    # --- What exists ---

    def alive(self) -> list[str]:
        """Return the ids of the resources of this kind that exist, including those that are being deleted."""
        return [line["id"] for line in self._ledger() if line["deleted_at"] is None]

    def ever(self) -> list[str]:
        """Return the ids of all resources of this kind that were ever created."""
        return [line["id"] for line in self._ledger()]

    def leftovers(self) -> list[str]:
        """Return a line for each resource that still exists in this cloud, of any kind."""
        return [
            f"{kind}: {line['id']} {line['name']}"
            for kind, lines in self.simulator.ledger().items()
            if isinstance(lines, list)
            for line in lines
            if line["cloud"] == self.cloud and line["deleted_at"] is None
        ]

    def _ledger(self) -> list[dict[str, Any]]:
        return [line for line in self.simulator.ledger()[f"{self.kind}s"] if line["cloud"] == self.cloud]

    # --- What was requested ---

    def creates(self) -> int:
        """Return how many creates were sent, accepted or not."""
        return sum(count for call, count in self.simulator.requests().items() if call in self._creates)

    def changes(self) -> int:
        """Return how many requests were sent that are not reads."""
        return sum(count for call, count in self.simulator.requests().items() if not call.startswith("GET "))

    # --- Time, faults and replies ---

    def stop_clock(self, advance: Callable[[float], None]) -> None:
        """Stop the cloud's time, so that nothing becomes ready or is gone, and let time limits pass quickly.

        Each reply calls `advance` with five minutes; a counter in it makes it differ from the one before.
        """
        self.simulator.simulation.set_clock(speed=0)
        count = itertools.count()

        def five_minutes_later(reply: Any) -> Any:
            advance(300)
            return with_more_fields(reply, next(count))

        self.rewrite_replies(five_minutes_later)

    def start_clock(self) -> None:
        """Let time pass again as before."""
        self.restore_replies()
        self.simulator.simulation.set_clock(speed=SPEED)

    def vanish(self, id: str) -> None:
        """Delete a resource without any request."""
        self.simulator.intervene(id, "vanish")

    def fail_reads(self, fault: str, **rule: Any) -> None:
        """Make every read fail from now on."""
        self.simulator.fault(fault, cloud=self.cloud, method="GET", times=0, **rule)

    def fail_creates(self, fault: str, times: int = 0, **rule: Any) -> None:
        """Make creates fail from now on, by default all of them."""
        self.simulator.fault(fault, cloud=self.cloud, path=self.create_path, method="POST", times=times, **rule)

    def fail_changes(self, fault: str, **rule: Any) -> None:
        """Make every update and delete fail from now on."""
        for method in ("POST", "PUT", "DELETE"):
            self.simulator.fault(fault, cloud=self.cloud, method=method, times=0, **rule)

    def clear_faults(self) -> None:
        """Remove every fault."""
        self.simulator.clear_faults()

    def rewrite_replies(self, change: Callable[[Any], Any]) -> None:
        """Change the JSON of every reply from now on."""

        def answer(cloud: Any, route: Any, call: Call) -> Reply:
            reply = self._answer(cloud, route, call)
            if reply.body and reply.content_type.startswith("application/json"):
                reply.body = json.dumps(change(json.loads(reply.body))).encode()
            return reply

        self.simulator.simulation.answer = answer

    def after_a_create(self, act: Callable[[], None]) -> None:
        """Call `act` once the next create has been carried out, before its reply is sent."""

        def answer(cloud: Any, route: Any, call: Call) -> Reply:
            reply = self._answer(cloud, route, call)
            if route.creates:
                self.restore_replies()
                act()
            return reply

        self.simulator.simulation.answer = answer

    def restore_replies(self) -> None:
        """Stop changing replies."""
        self.simulator.simulation.answer = self._answer
