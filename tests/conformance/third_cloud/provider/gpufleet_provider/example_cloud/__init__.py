"""Example Cloud: machines with GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpufleet_provider.example_cloud.machine import MACHINE
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.fields import Info
from gpufleet_provider.model.lifecycle import Lifecycle


def authorization(api_key: str) -> Mapping[str, str]:
    """Return the headers that carry an API key."""
    return {"Authorization": f"Token {api_key}"}


def read_error(reply: dict[str, Any]) -> tuple[str, str]:
    """Return the error code of a refusal (or '') and its message (or '')."""
    return str(reply.get("code") or ""), str(reply.get("detail") or "")


CLOUD = Cloud(
    name="example_cloud",
    title="Example Cloud",
    base_url="https://api.example.com/v1",
    authorization=authorization,
    read_error=read_error,
)

LIFECYCLES: Mapping[str, Lifecycle[Any]] = {"Machine": MACHINE}
"""By resource name."""

CATALOGUE_TYPES: tuple[type[Info], ...] = ()
"""What the look-ups return besides resources."""
