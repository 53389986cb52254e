"""Shadeform: GPU clusters of many clouds, and what they offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.fields import Info
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.shadeform.cluster import CLUSTER
from gpufleet_provider.shadeform.cluster_types import ClusterType
from gpufleet_provider.shadeform.errors import read_error


def authorization(api_key: str) -> Mapping[str, str]:
    """Return the headers that carry an API key."""
    return {"X-API-KEY": api_key}


CLOUD = Cloud(
    name="shadeform",
    title="Shadeform",
    base_url="https://api.shadeform.ai/v1",
    authorization=authorization,
    read_error=read_error,
)

LIFECYCLES: Mapping[str, Lifecycle[Any]] = {"Cluster": CLUSTER}
"""By resource name."""

CATALOGUE_TYPES: tuple[type[Info], ...] = (ClusterType,)
"""What look-ups return besides resources; the SDK declares them among its outputs."""
