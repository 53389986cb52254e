"""One simulated account under a test: what was asked of it, what lives in it, and what goes wrong."""

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
"""Cloud seconds per second: an hour of provisioning passes in a fifth of a second."""
NEW = "field_of_tomorrow"
"""A field that no body declares."""


def with_more_fields(value: Any, content: Any) -> Any:
    """Return a reply whose every object has one more field, with that content."""
    if isinstance(value, dict):
        return {**{key: with_more_fields(inner, content) for key, inner in value.items()}, NEW: content}
    return [with_more_fields(inner, content) for inner in value] if isinstance(value, list) else value


class Account:
    """The account of one cloud in a running simulator, as one kind of resource sees it."""

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

    # --- What there is ---

    def alive(self) -> list[str]:
        """The ids of what exists of the kind under test, what is being deleted included."""
        return [line["id"] for line in self._ledger() if line["deleted_at"] is None]

    def ever(self) -> list[str]:
        """The ids of all that was ever made of the kind under test."""
        return [line["id"] for line in self._ledger()]

    def leftovers(self) -> list[str]:
        """What still exists in this cloud, of whatever kind."""
        return [
            f"{kind}: {line['id']} {line['name']}"
            for kind, lines in self.simulator.ledger().items()
            if isinstance(lines, list)
            for line in lines
            if line["cloud"] == self.cloud and line["deleted_at"] is None
        ]

    def _ledger(self) -> list[dict[str, Any]]:
        return [line for line in self.simulator.ledger()[f"{self.kind}s"] if line["cloud"] == self.cloud]

    # --- What was asked ---

    def creates(self) -> int:
        """How many creates were sent, accepted or not."""
        return sum(count for call, count in self.simulator.requests().items() if call in self._creates)

    def changes(self) -> int:
        """How many requests were sent that are no reads."""
        return sum(count for call, count in self.simulator.requests().items() if not call.startswith("GET "))

    # --- What happens ---

    def stand_still(self, advance: Callable[[float], None]) -> None:
        """Let no time pass in the cloud, so that nothing becomes ready or goes; for whoever reads, it flies.

        Every reply takes five minutes by `advance`, and is news by a field that counts them.
        """
        self.simulator.simulation.set_clock(speed=0)
        count = itertools.count()

        def five_minutes_later(reply: Any) -> Any:
            advance(300)
            return with_more_fields(reply, next(count))

        self.rewrite(five_minutes_later)

    def go_on(self) -> None:
        """Let time pass again as it did."""
        self.restore()
        self.simulator.simulation.set_clock(speed=SPEED)

    def vanish(self, id: str) -> None:
        """Take something away that nobody of ours has deleted."""
        self.simulator.intervene(id, "vanish")

    def fail_reads(self, fault: str, **rule: Any) -> None:
        """Spoil every read from now on."""
        self.simulator.fault(fault, cloud=self.cloud, method="GET", times=0, **rule)

    def fail_creates(self, fault: str, times: int = 0, **rule: Any) -> None:
        """Spoil creates from now on, by default all of them."""
        self.simulator.fault(fault, cloud=self.cloud, path=self.create_path, method="POST", times=times, **rule)

    def fail_changes(self, fault: str, **rule: Any) -> None:
        """Spoil every update and delete from now on."""
        for method in ("POST", "PUT", "DELETE"):
            self.simulator.fault(fault, cloud=self.cloud, method=method, times=0, **rule)

    def heal(self) -> None:
        """Let everything go right again."""
        self.simulator.clear_faults()

    def rewrite(self, change: Callable[[Any], Any]) -> None:
        """Pass the JSON of every reply through `change` from now on."""

        def answer(cloud: Any, route: Any, call: Call) -> Reply:
            reply = self._answer(cloud, route, call)
            if reply.body and reply.content_type.startswith("application/json"):
                reply.body = json.dumps(change(json.loads(reply.body))).encode()
            return reply

        self.simulator.simulation.answer = answer

    def after_a_create(self, act: Callable[[], None]) -> None:
        """Do something as soon as the next create has been carried out, before it is answered."""

        def answer(cloud: Any, route: Any, call: Call) -> Reply:
            reply = self._answer(cloud, route, call)
            if route.creates:
                self.restore()
                act()
            return reply

        self.simulator.simulation.answer = answer

    def restore(self) -> None:
        """Leave replies as they are."""
        self.simulator.simulation.answer = self._answer
