"""Clusters of the simulated Together, as a plugin server makes them."""

from __future__ import annotations

import threading
from typing import Any

import httpx

from .server import Failed, PluginServer, plain


def declared(name: str, **inputs: Any) -> dict[str, Any]:
    return {
        "region": "us-central-8",
        "gpu_type": "H100_SXM",
        "num_gpus": 8,
        "billing_type": "ON_DEMAND",
        "cuda_version": "12.6",
        "nvidia_driver_version": "560",
        "__offered_name": f"{name}-12345678",
        **inputs,
    }


class Passing:
    """Lets the cloud's time pass for as long as a block runs."""

    def __init__(self, simulator: Any) -> None:
        self._simulator = simulator
        self._over = threading.Event()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            self._simulator.advance(120)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def made(server: PluginServer, simulator: Any, name: str, **inputs: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Make a cluster; returns id, inputs and outputs."""
    checked = server.checked(name, declared(name, **inputs))
    with Passing(simulator):
        reply = server.create(name, checked)
    return reply.id, checked, plain(reply.properties)


def delete_outside(simulator: Any, id: str) -> None:
    """Delete a cluster as somebody else: while the clock stands still, it is being deleted for good."""
    url = f"{simulator.url}/together/v1/compute/clusters/{id}"
    httpx.delete(url, headers={"Authorization": "Bearer somebody"}).raise_for_status()


def posts(simulator: Any) -> int:
    return simulator.requests().get("POST /together/v1/compute/clusters", 0)


def clean(failed: Failed) -> str:
    """Make sure that a failure is one line wherever the engine may look, and return it."""
    for words in (failed.message, failed.details):
        assert words and "Traceback" not in words and "\n" not in words
    return failed.message
