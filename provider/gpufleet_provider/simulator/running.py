"""The simulator inside a test's own process: a real socket, and the controls as methods."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpufleet_provider.simulator.server import Server
from gpufleet_provider.simulator.simulation import DEFAULT_CANARY, DEFAULT_SPEED, Settings, Simulation


class RunningSimulator:
    """What `running` yields. `url` is `http://127.0.0.1:<port>`; each cloud answers below it, at its `base_url`."""

    def __init__(self, server: Server) -> None:
        self.simulation = server.simulation
        self.url = server.url

    def base_url(self, cloud: str) -> str:
        """The address to configure for a cloud, such as `http://127.0.0.1:<port>/together/v1` for `together`."""
        return self.url + self.simulation.clouds[cloud].prefix

    def ledger(self) -> dict[str, Any]:
        """Everything that was ever created, by kind, and what it cost."""
        return self.simulation.ledger()

    def live(self) -> list[dict[str, Any]]:
        """The ledger's lines of the clusters that still exist, including those that are being deleted."""
        return [line for line in self.ledger()["clusters"] if line["deleted_at"] is None]

    def live_history(self) -> list[dict[str, Any]]:
        """Per cloud and cluster name: every cluster that had it, and `max_live`, the most that existed at once."""
        return self.simulation.live_history()

    def requests(self) -> dict[str, int]:
        """`{"POST /together/v1/compute/clusters": 3, …}`."""
        return self.simulation.requests()

    def request_log(self) -> list[dict[str, Any]]:
        """The latest requests: at, method, path, status (None if no reply was sent), fault."""
        return self.simulation.request_log()

    def clear_requests(self) -> None:
        """Set the counts to zero, and clear the log."""
        self.simulation.clear_requests()

    def fault(self, fault: str, **rule: Any) -> str:
        """Add a fault rule, as in `fault("status", method="POST", status=503, times=2)`; returns its id."""
        return self.simulation.add_fault({"fault": fault, **rule}).id

    def faults(self) -> list[dict[str, Any]]:
        """Every fault rule, with `matched` and `hits`."""
        return self.simulation.faults.report()

    def clear_faults(self, rule_id: str | None = None) -> None:
        """Remove one fault rule, or all; the calls that it delays go on at once."""
        self.simulation.clear_faults(rule_id)

    def advance(self, seconds: float) -> None:
        """Let `seconds` of cloud time pass at once."""
        self.simulation.set_clock(advance_seconds=seconds)

    def now(self) -> float:
        """Cloud time in seconds since 1970."""
        return float(self.simulation.clock()["now_seconds"])

    def switch(self, cloud: str, **switches: Any) -> None:
        """Set switches of a cloud."""
        self.simulation.set_switches({cloud: switches})

    def intervene(self, record_id: str, action: str, **details: Any) -> None:
        """Do something to a record that no API call did: `vanish`, `degrade`, `edit`, …"""
        self.simulation.intervene(record_id, action, details)

    def reset(self) -> None:
        """Delete everything, and start again with the first settings."""
        self.simulation.reset()


@contextmanager
def running(
    *,
    speed: float = DEFAULT_SPEED,
    provisioning_seconds: tuple[float, float] | None = None,
    switches: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    canary: str = DEFAULT_CANARY,
    state: Path | None = None,
    port: int = 0,
) -> Generator[RunningSimulator]:
    """A simulator on a free loopback port until the block ends. `speed=0`: time moves only by `advance`."""
    settings = Settings(speed, provisioning_seconds, switches or {}, seed, canary)
    simulation = Simulation(settings, state)
    server = Server(simulation, port=port)
    thread = threading.Thread(target=server.run, name="gpufleet-simulator", daemon=True)
    thread.start()
    try:
        yield RunningSimulator(server)
    finally:
        server.stop()
        thread.join(timeout=30)
        simulation.close()
