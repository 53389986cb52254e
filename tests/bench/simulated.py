"""The simulated clouds in a process of their own, so that they share no interpreter with what is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

PLACE = {"region": "us-central-8", "gpu_type": "H100_SXM"}
_ENOUGH_GPUS = 10_000_000
_STOP_SECONDS = 20


class SimulatedClouds:
    """A running simulator, over its controls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/_sim", trust_env=False, timeout=60)

    def ledger(self) -> list[dict[str, Any]]:
        """Return every cluster that was ever made."""
        return self._http.get("/ledger").raise_for_status().json()["clusters"]

    def take_requests(self) -> Counter[str]:
        """Return the requests since the last call, by route."""
        counts: Counter[str] = Counter(self._http.get("/requests").raise_for_status().json())
        self._http.delete("/requests").raise_for_status()
        return counts


@contextmanager
def simulated_clouds(provisioning_seconds: tuple[float, float], seed: int) -> Generator[SimulatedClouds]:
    """Both clouds on a free port until the block ends; provisioning times are wall time, drawn with the seed."""
    stock = json.dumps({PLACE["region"]: {PLACE["gpu_type"]: _ENOUGH_GPUS}})
    command = [sys.executable, "-c", "from pulumi_gpufleet.cli import main; main()", "simulate", "--port", "0"]
    command += ["--provisioning", "-".join(f"{seconds:g}" for seconds in provisioning_seconds), "--seed", str(seed)]
    command += ["--switch", f"together.stock_gpus={stock}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        base_url = process.stdout.readline().strip().partition("=")[2]
        yield SimulatedClouds(base_url.removesuffix("/together/v1"))
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
