"""From names to what they stand for: a cloud by its word in CLOUDS, a lifecycle by its token."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Any

import gpufleet_provider
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.lifecycle import Lifecycle


@functools.cache
def cloud_of(name: str) -> Cloud:
    """Return a cloud by its name in CLOUDS."""
    if name not in gpufleet_provider.CLOUDS:
        known = ", ".join(gpufleet_provider.CLOUDS)
        raise Refusal(f"{name!r} is not a cloud of this version of pulumi-gpufleet; it knows {known}")
    return importlib.import_module(f"gpufleet_provider.{name}").CLOUD


def lifecycles_of(cloud: str) -> Mapping[str, Lifecycle[Any]]:
    """Return the lifecycles of a cloud by resource name, such as `Cluster`."""
    cloud_of(cloud)
    return importlib.import_module(f"gpufleet_provider.{cloud}").LIFECYCLES


@functools.cache
def lifecycle_of(token: str) -> Lifecycle[Any]:
    """Return the lifecycle behind a token such as `together:Cluster`."""
    name, _, resource = token.partition(":")
    found = lifecycles_of(name).get(resource)
    if found is None:
        raise Refusal(f"{token!r} is not a resource of this version of pulumi-gpufleet; upgrade it")
    return found
