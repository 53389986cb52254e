"""From names to what they stand for: a cloud by its word in CLOUDS, a lifecycle and a service by a token."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Mapping
from typing import Any

import gpufleet_provider
from gpufleet_provider.http.accounts import client_for
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.operations.service import ResourceService, Service


@functools.cache
def cloud_of(name: str) -> Cloud:
    """Return a cloud by its name in CLOUDS; raises Refusal for another name."""
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
    """Return the lifecycle behind a token such as `together:Cluster`; raises Refusal for an unknown one."""
    name, _, resource = token.partition(":")
    found = lifecycles_of(name).get(resource)
    if found is None:
        raise Refusal(f"{token!r} is not a resource of this version of pulumi-gpufleet; upgrade it")
    return found


_services: dict[str, Service] = {}
_lock = threading.Lock()


def service_of(token: str) -> Service:
    """Return the one service of this process for a token such as `together:Cluster`; raises Refusal for an unknown one.

    It remembers what the run has met, so there is never a second one, however many threads ask first.
    """
    with _lock:
        if token not in _services:
            cloud = cloud_of(token.partition(":")[0])
            _services[token] = ResourceService(lifecycle_of(token), functools.partial(client_for, cloud))
        return _services[token]
