"""Two accounts with simulated clouds: what runs in them, and what happens there without anybody asking for it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import httpx
from gpufleet_provider.simulator import RunningSimulator, running
from gpufleet_provider.simulator.wire import Call, Reply

from tests.conformance.run import Clock
from tests.conformance.simulated import with_more_fields

SPEED = 100_000.0
SWITCHES = {"together": {"pause_grace_seconds": 1e12}}
"""At this speed a day of grace would be over in a second."""
_NAME = re.compile(r"[a-z]-0123abcd")


class SimulatedAccount:
    """One account at every vendor: a simulator of its own, which shows nothing of the other."""

    def __init__(self, simulator: RunningSimulator, key: str) -> None:
        self.simulator = simulator
        self.key = key
        self.clock: Clock | None = None
        self._answer = simulator.simulation.answer
        simulator.simulation.answer = self._answer_otherwise
        self._count = itertools.count()
        self._foreign = itertools.count()
        self.reset()

    def reset(self) -> None:
        """Delete everything, and answer as usual."""
        self.simulator.reset()
        self.respells_names = False
        self.adds_fields = False
        self.foreign_volumes: set[str] = set()
        self.unattached_volumes: set[str] = set()

    @property
    def config(self) -> dict[str, str]:
        """The stack config of a program that uses this account."""
        clouds = ("together", "shadeform")
        urls = {f"{cloud}:baseUrl": self.simulator.base_url(cloud) for cloud in clouds}
        return urls | {f"{cloud}:apiKey": self.key for cloud in clouds}

    def _answer_otherwise(self, cloud: Any, route: Any, call: Call) -> Reply:
        reply = self._answer(cloud, route, call)
        changes = self.respells_names or self.adds_fields
        if changes and reply.body and reply.content_type.startswith("application/json"):
            value = json.loads(reply.body)
            if self.respells_names:
                value = _respelled(value)
            if self.adds_fields:
                value = with_more_fields(value, next(self._count))
            reply.body = json.dumps(value).encode()
        return reply

    # --- What runs ---

    def changes(self) -> int:
        """Return how many requests were sent that are not reads."""
        return sum(count for call, count in self.simulator.requests().items() if not call.startswith("GET "))

    def living(self) -> dict[str, dict[str, Any]]:
        """Return what runs, by id, as inputs would say it."""
        ledger = self.simulator.ledger()
        clouds = self.simulator.simulation.clouds
        volumes = {line["id"]: line for line in ledger["volumes"] if line["deleted_at"] is None}
        found: dict[str, dict[str, Any]] = {}
        for line in ledger["clusters"]:
            if line["deleted_at"] is not None:
                continue
            record = clouds[line["cloud"]].stores[0].living[line["id"]]
            if line["cloud"] == "shadeform":
                shown = {"cloud": line["on"], "os": record.os}
                shown |= {name: line[name] for name in ("region", "cluster_type", "num_instances")}
            else:
                names = ("region", "gpu_type", "billing_type", "num_gpus", "num_reserved_gpus", "project_id")
                shown = {name: getattr(record, name) for name in names}
                shown["load_balancer"] = record.cluster_config["load_balancer"]
                attached = [volumes[id] for id in line["volume_ids"] if id in volumes]
                shown["volumes"] = [(volume["name"], volume["size_tib"]) for volume in attached]
            found[line["id"]] = shown
        return found

    def forgotten_volumes(self) -> list[str]:
        """Return the volumes that should have gone with their clusters and are still paid."""
        lines = self.simulator.ledger()["volumes"]
        left = [line for line in lines if line["cloud"] == "together" and line["deleted_at"] is None]
        return [
            line["name"]
            for line in left
            if not line["is_lifecycle_independent"]
            and not line["attached_to"]
            and line["status"] != "deleting"
            and line["id"] not in self.unattached_volumes
        ]

    def lost_foreign_volumes(self) -> set[str]:
        """Return the volumes of somebody else that are gone."""
        lines = self.simulator.ledger()["volumes"]
        return self.foreign_volumes - {line["id"] for line in lines if line["delete_requested_at"] is None}

    # --- What happens ---

    def swap_volume(self, cluster_id: str) -> None:
        """Detach the volumes of a Together cluster, and attach one that somebody else has made."""
        store = self.simulator.simulation.clouds["together"].stores[0]
        cluster = store.living[cluster_id]
        body = {"volume_name": f"foreign-{next(self._foreign)}", "size_tib": 1, "region": cluster.region}
        made = httpx.post(
            f"{self.simulator.base_url('together')}/compute/clusters/storage/volumes",
            json={**body, "is_lifecycle_independent": True},
            headers={"Authorization": f"Bearer {self.key}"},
        ).json()["volume_id"]
        for id in cluster.volume_ids:
            self.simulator.intervene(id, "edit", attached_to=[], status="available")
            self.unattached_volumes.add(id)
        self.simulator.intervene(made, "edit", attached_to=[cluster_id], status="bound")
        self.simulator.intervene(cluster_id, "edit", volume_ids=[made])
        self.foreign_volumes.add(made)


def _respelled(value: Any) -> Any:
    """Return a reply with the names of our clusters in capitals, and with a line where they have a dash."""
    if isinstance(value, dict):
        return {key: _respelled(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_respelled(inner) for inner in cast("list[Any]", value)]
    return value.upper().replace("-", "_") if isinstance(value, str) and _NAME.fullmatch(value) else value


@contextmanager
def two_accounts() -> Generator[tuple[SimulatedAccount, SimulatedAccount]]:
    """Two accounts, for as long as the block lasts."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(running(speed=SPEED, switches=SWITCHES)) for _ in range(2))
        yield SimulatedAccount(first, "one"), SimulatedAccount(second, "two")
