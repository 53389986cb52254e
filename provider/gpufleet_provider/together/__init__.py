"""Together: GPU clusters, and the regions that have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.fields import Info
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.together.cluster.lifecycle import CLUSTER
from gpufleet_provider.together.errors import read_error
from gpufleet_provider.together.regions import Region


def authorization(api_key: str) -> Mapping[str, str]:
    """Return the headers that carry an API key."""
    return {"Authorization": f"Bearer {api_key}"}


def normalise_base_url(base_url: str) -> str:
    """Return a base URL that ends in `/v1`, whether it was given with it or without.

    The vendor's own SDK takes `TOGETHER_BASE_URL` with `/v1` up to version 2 and without it since version 3.
    """
    return base_url.strip().rstrip("/").removesuffix("/v1").rstrip("/") + "/v1"


CLOUD = Cloud(
    name="together",
    title="Together",
    base_url="https://api.together.ai/v1",
    authorization=authorization,
    normalise_base_url=normalise_base_url,
    read_error=read_error,
)

LIFECYCLES: Mapping[str, Lifecycle[Any]] = {"Cluster": CLUSTER}
"""By resource name."""

CATALOGUE_TYPES: tuple[type[Info], ...] = (Region,)
"""What look-ups return besides resources; the SDK declares them among its outputs."""
