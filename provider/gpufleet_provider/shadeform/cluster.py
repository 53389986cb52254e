"""`shadeform:Cluster`: machines with GPUs, rented from one of many clouds through Shadeform, with a fast network."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gpufleet_provider.lifecycle import Body, Info, Suggested, Unreadable
from gpufleet_provider.shadeform.instance_info import STATUSES, Instance

Text = Annotated[str, Field(min_length=1)]
"""A string that says something."""


# --- Create body ----------------------------------------------------------------------------------------------------


class ClusterCreate(Body):
    """A GPU cluster rented through Shadeform.

    Shadeform has no call that changes a cluster: every change replaces it.
    """

    name: Text | None = None
    """Name of the cluster. Default: the resource's name and eight characters that are the same on every run."""

    cloud: Text
    """Cloud to rent from, such as `denvr`; `shadeform.get_cluster_types()` lists them."""

    region: Text
    """Region, such as `houston-usa-1`; `shadeform.get_cluster_types()` lists those of each cloud."""

    cluster_type: Text
    """Type of each machine, such as `H100_sxm5x8`: the `shade_instance_type` of `shadeform.get_cluster_types()`."""

    num_instances: Annotated[int, Field(ge=1)]
    """Number of machines, at least 1; clouds offer certain numbers only, see `shadeform.get_cluster_types()`."""

    os: Text | None = None
    """Operating system image, one of the type's `os_options`. Default: the cloud's own."""

    ssh_key_id: Annotated[Text | None, Unreadable("no reply about clusters shows it")] = None
    """Id of the SSH key that is put on the machines. Default: the account's default key."""


# --- Update body ----------------------------------------------------------------------------------------------------


class ClusterUpdate(Body):
    """Nothing changes in place: Shadeform has no update call for clusters."""


# --- Info body ------------------------------------------------------------------------------------------------------


class RegionInfo(Info):
    """Where a cluster runs."""

    region: str
    """Region, as the input has it."""

    display_name: str
    """The same for people, such as `US, Houston, TX`."""


class ClusterInfo(Info):
    """A GPU cluster as Shadeform shows it."""

    id: str
    """Id of the cluster."""

    cloud: str
    """Cloud that it runs on."""

    name: str
    """Name of the cluster."""

    region_info: RegionInfo
    """Where it runs."""

    status: Annotated[str, Suggested(STATUSES)]
    """Status; `active` is ready."""

    created_at: str
    """When the cluster was created (RFC 3339)."""

    updated_at: str
    """When it last changed (RFC 3339)."""

    instances: list[Instance]
    """The machines."""

    hourly_price: int
    """Price of the whole cluster per hour in US cents."""

    cloud_cluster_id: str | None = None
    """Id of the cluster in the cloud, once placed."""

    status_details: str | None = None
    """More about the status."""

    cost_estimate: str | None = None
    """What the cluster has cost so far, as Shadeform words it (`$15.00`)."""

    active_at: str | None = None
    """When the cluster became active (RFC 3339)."""
