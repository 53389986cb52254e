"""Look-ups on Shadeform besides those of resources by their id: what clusters can be had."""

from __future__ import annotations

import math

import pulumi
from gpufleet_provider.shadeform import CLOUD
from gpufleet_provider.shadeform.cluster_types import list_cluster_types

from pulumi_gpufleet.lookups import ask, ask_later, typed
from pulumi_gpufleet.shadeform import outputs

__all__ = [
    "get_cluster_types",
    "get_cluster_types_output",
]


def get_cluster_types(
    *,
    cloud: str | None = None,
    region: str | None = None,
    shade_instance_type: str | None = None,
    num_instances: int | None = None,
    available: bool | None = None,
) -> list[outputs.ClusterType]:
    """Return the offers that have what is asked for, those of a lower `hourly_price` first; raises pulumi.RunError.

    `shade_instance_type` is what a cluster's `cluster_type` names. `available` is a hint of the moment, not a
    reservation.
    """

    def wanted(offer: outputs.ClusterType) -> bool:
        if "availability" not in offer or "cluster_type" not in offer:
            return False  # nothing to choose it by
        asked_and_offered = (
            (cloud, offer.cloud),
            (region, offer.availability.region),
            (shade_instance_type, offer.cluster_type.shade_instance_type),
            (num_instances, offer.num_instances),
            (available, offer.availability.available),
        )
        return all(asked in (None, offered) for asked, offered in asked_and_offered)

    offers = [typed(outputs.ClusterType, offer) for offer in ask(CLOUD, list_cluster_types)]
    return sorted(filter(wanted, offers), key=lambda offer: offer.cluster_type.get("hourly_price", math.inf))


def get_cluster_types_output(
    *,
    cloud: pulumi.Input[str | None] = None,
    region: pulumi.Input[str | None] = None,
    shade_instance_type: pulumi.Input[str | None] = None,
    num_instances: pulumi.Input[int | None] = None,
    available: pulumi.Input[bool | None] = None,
) -> pulumi.Output[list[outputs.ClusterType]]:
    """Return the offers that have what is asked for, as an output; a preview without a key does not know them."""
    asked = pulumi.Output.all(
        cloud=cloud,
        region=region,
        shade_instance_type=shade_instance_type,
        num_instances=num_instances,
        available=available,
    )
    return ask_later(CLOUD, asked, lambda known: get_cluster_types(**known))
