"""Fleets of Together clusters of one node on the simulator: what their life costs in time, requests, memory, state."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .measuring import BenchFailed, Measured
from .project import Engine, Project
from .simulated import PLACE, SimulatedClouds, simulated_clouds

Server = Literal["upgraded", "plain"]
PLAIN_SERVER = Path(__file__).with_name("plain_server")
LIST_ROUTE = "GET /together/v1/compute/clusters"
SHORTEST_INTERVAL_SECONDS = 2.0
"""Between two polls while the youngest wait is under half a minute old; later ones are further apart."""

_WARNING = "does not know this version of Pulumi's Python plugin server"
"""What the provider says about a server that it leaves as it is."""

_PROGRAM = f"""
import os
from pulumi_gpufleet import together

for number in range(int(os.environ["BENCH_CLUSTERS"])):
    together.Cluster(
        f"worker-{{number:04}}",
        region="{PLACE["region"]}",
        gpu_type="{PLACE["gpu_type"]}",
        num_gpus=8,
        billing_type="ON_DEMAND",
        cuda_version="12.6",
        nvidia_driver_version="560",
    )
"""


@dataclass(frozen=True)
class Phase:
    """One command on a fleet."""

    wall_seconds: float
    processor_seconds: dict[str, float]
    requests: Counter[str]


@dataclass(frozen=True)
class Fleet:
    """One fleet's life."""

    clusters: int
    engine: Engine
    server: Server
    slowest_seconds: float
    """How long the slowest cluster took to come up by itself, by the cloud's own ledger."""
    up: Phase
    preview: Phase
    refresh: Phase
    destroy: Phase
    peak_bytes: dict[str, int]
    """Of each process, over the whole life."""
    state_bytes: float
    """Per cluster: its entry in the exported deployment, compact."""
    property_bytes: float
    """Of these: inputs and outputs. The rest is the engine's: the CLI keeps the stack trace of every declaration."""
    stored_bytes: float
    """Per cluster: its share of the file in the backend."""

    @property
    def name(self) -> str:
        """The fleet in a few words."""
        engine = "" if self.engine == "embedded" else f" {self.engine}"
        return f"{self.clusters}{engine}" + ("" if self.server == "upgraded" else " plain")

    @property
    def up_ratio(self) -> float:
        """Wall time of `up` over the slowest cluster's own provisioning time."""
        return self.up.wall_seconds / self.slowest_seconds

    @property
    def intervals(self) -> float:
        """How many polls at the shortest interval fit into `up`."""
        return self.up.wall_seconds / SHORTEST_INTERVAL_SECONDS


def run_fleet(
    directory: Path, clusters: int, engine: Engine, server: Server, provisioning: tuple[float, float], seed: int
) -> Fleet:
    """Bring a fleet up, look at it, and destroy it; raises BenchFailed unless the ledger says that it happened."""
    with simulated_clouds(provisioning, seed) as clouds:
        project = _project(directory / f"fleet-{clusters}-{engine}-{server}", clusters, engine, server, clouds)
        measured: list[Measured] = []

        def phase(one: Measured) -> Phase:
            measured.append(one)
            return Phase(one.wall_seconds, one.processor_seconds, clouds.take_requests())

        up = phase(project.up())
        if (_WARNING in measured[0].output) != (server == "plain"):
            raise BenchFailed(f"the plugin server was to be {server}, and was not")
        ledger = clouds.ledger()
        ready = [line["provisioning_seconds"] for line in ledger if line["status"] == "Ready"]
        if len(ready) != clusters or len(ledger) != clusters:
            raise BenchFailed(f"{clusters} clusters were declared, {len(ledger)} made, {len(ready)} are ready")
        entries = project.resources("together:Cluster")
        if len(entries) != clusters:
            raise BenchFailed(f"{clusters} clusters were declared, {len(entries)} stand in the state")
        stored = project.stored_bytes() / clusters
        preview, refresh, destroy = (phase(run()) for run in (project.preview, project.refresh, project.destroy))
        left = [line["name"] for line in clouds.ledger() if line["deleted_at"] is None]
        if left:
            raise BenchFailed(f"{len(left)} clusters are left after the destroy: {', '.join(left[:5])}")
    peaks: Counter[str] = Counter()
    for one in measured:
        peaks |= Counter(one.peak_bytes)
    return Fleet(
        clusters=clusters,
        engine=engine,
        server=server,
        slowest_seconds=max(ready),
        up=up,
        preview=preview,
        refresh=refresh,
        destroy=destroy,
        peak_bytes=dict(peaks),
        state_bytes=sum(_bytes(it) for it in entries) / clusters,
        property_bytes=sum(_bytes(it["inputs"]) + _bytes(it["outputs"]) for it in entries) / clusters,
        stored_bytes=stored,
    )


def _bytes(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")).encode())


def _project(directory: Path, clusters: int, engine: Engine, server: Server, clouds: SimulatedClouds) -> Project:
    config = {"together:baseUrl": f"{clouds.url}/together/v1", "together:apiKey": "bench"}
    environment = {"BENCH_CLUSTERS": str(clusters)}
    if server == "plain":
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PLAIN_SERVER), os.environ.get("PYTHONPATH")]))
    project = Project(directory, engine, config, environment)
    (directory / "__main__.py").write_text(_PROGRAM)
    return project
