"""`shadeform:Cluster`: machines with GPUs, rented from one of many clouds through Shadeform, with a fast network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from gpufleet_provider.http.client import segment
from gpufleet_provider.model.fields import Body, Failure, Info, Name, Properties, ShownAs, Suggested, Text, Unreadable
from gpufleet_provider.model.lifecycle import Client, Cost, Lifecycle, Readiness
from gpufleet_provider.model.replies import fetch_object, fetch_rows, post_create
from gpufleet_provider.shadeform.cluster_instances import STATUSES, Instance
from gpufleet_provider.shadeform.cluster_types import ClusterType, catalogue_errors, list_cluster_types

_ESTIMATE = re.compile(r"\s*(?:\$\s*)?([0-9][0-9,]*(?:\.[0-9]+)?)\s*")
"""A cost estimate as Shadeform writes it: `$15.00`, `1,200`."""


# --- Create body ----------------------------------------------------------------------------------------------------


class ClusterCreate(Body):
    """A GPU cluster rented through Shadeform.

    Shadeform has no call that changes a cluster: every change replaces it.

    ## Example Usage

    ```python
    import pulumi
    from pulumi_gpufleet import shadeform

    batch = shadeform.Cluster(
        "batch",
        cloud="denvr",
        region="houston-usa-1",
        cluster_type="H100_sxm5x8",
        num_instances=2,
    )
    pulumi.export("addresses", batch.instances.apply(lambda machines: [machine.ip for machine in machines]))
    ```
    """

    name: Name | None = None
    """Name of the cluster. Defaults to `<resource name>-<8 hex digits>-<8 hex digits>`, stable across runs."""

    cloud: Text
    """Cloud to rent from, such as `denvr`; `shadeform.get_cluster_types()` lists them."""

    region: Annotated[Text, ShownAs("region_info.region")]
    """Region, such as `houston-usa-1`; `shadeform.get_cluster_types()` lists those of each cloud."""

    cluster_type: Text
    """Type of each machine, such as `H100_sxm5x8`: the `shade_instance_type` of `shadeform.get_cluster_types()`."""

    num_instances: Annotated[int, Field(ge=1)]
    """Number of machines, at least 1; clouds offer certain numbers only, see `shadeform.get_cluster_types()`."""

    os: Text | None = None
    """Operating system image, one of the type's `os_options`. Defaults to the cloud's own choice."""

    ssh_key_id: Annotated[Text | None, Unreadable("no reply about clusters shows it")] = None
    """Id of the SSH key that is put on the machines. Defaults to the account's default key."""


# --- Update body ----------------------------------------------------------------------------------------------------


class ClusterUpdate(Body):
    """Nothing changes in place: Shadeform has no update call for clusters."""


# --- Info body ------------------------------------------------------------------------------------------------------


class RegionInfo(Info):
    """Where a cluster runs."""

    region: str | None
    """Region, as in the argument `region`."""

    display_name: str | None
    """Display name, such as `US, Houston, TX`."""


class ClusterInfo(Info):
    """A GPU cluster as Shadeform shows it."""

    id: str | None
    """Id of the cluster."""

    cloud: str | None
    """Cloud that it runs on."""

    name: str | None
    """Name of the cluster."""

    region_info: RegionInfo | None
    """Where it runs."""

    status: Annotated[str | None, Suggested(STATUSES)]
    """Status; `active` is ready."""

    created_at: str | None
    """When the cluster was created (RFC 3339)."""

    updated_at: str | None
    """When it last changed (RFC 3339)."""

    instances: list[Instance] | None
    """The machines."""

    hourly_price: int | None
    """Price of the whole cluster per hour in US cents."""

    cloud_cluster_id: str | None = None
    """Id of the cluster in the cloud, once placed."""

    status_details: str | None = None
    """Details of the status."""

    cost_estimate: str | None = None
    """Cost of the cluster so far, as a string such as `$15.00`."""

    active_at: str | None = None
    """When the cluster became active (RFC 3339)."""


# --- Lifecycle ------------------------------------------------------------------------------------------------------


class ClusterLifecycle(Lifecycle[ClusterInfo]):
    """A Shadeform cluster: there are only GET and POST, and no update."""

    token = "shadeform:Cluster"
    create_body = ClusterCreate
    update_body = ClusterUpdate
    info_body = ClusterInfo
    id_field = "id"
    name_field = "name"
    place_fields = ("cloud", "region")
    catalogue_fields = ("cloud", "region", "cluster_type", "num_instances", "os")

    def create(self, client: Client, inputs: Properties) -> str:
        """Post the create once and return the new id."""
        return post_create(client, "/clusters/create", inputs, "id")

    def get(self, client: Client, id: str) -> Properties:
        """Return the raw reply for one id."""
        return fetch_object(client, f"/clusters/{segment(id)}/info", "id")

    def list_all(self, client: Client) -> list[Properties]:
        """Return the raw replies for every cluster of the account, in one request."""
        return fetch_rows(client, "/clusters", "clusters")

    def delete(self, client: Client, id: str) -> None:
        """Ask for the delete; the bill stops when the cluster is `deleting`."""
        client.request("POST", f"/clusters/{segment(id)}/delete", repeatable=True)

    def readiness(self, info: ClusterInfo, inputs: Properties) -> Readiness:
        """Judge the status and, once it is `active`, the machines, against the declared number of them.

        Whether `active` says that every machine is up is stated nowhere, so one that stays behind is `missing`. With
        too few machines and one of them in `error` the wait is stopped: Shadeform repairs none, but the others run.
        """
        status = info.status or "no status yet"
        members = _present(info)
        wanted = inputs.get("num_instances") or len(members)
        up = sum(member.status == "active" and bool(member.ip) for member in members)
        details = info.status_details if info.status_details != status else None
        message = " · ".join(filter(None, (status, details, f"{up} of {wanted} instances active")))
        if status in ("deleting", "deleted"):
            return Readiness("failed", f"{status}: the cluster is being deleted")
        if status == "error":
            return Readiness("failed", _in_error(info))
        if status != "active":
            return Readiness("pending", message)
        if up >= wanted:
            return Readiness("ready", message)
        broken = _broken(members)
        if broken:
            return Readiness(
                "blocked",
                f"{message} · in error: {', '.join(broken)}; Shadeform has no call that repairs a member: "
                "replace the cluster, or run `pulumi up` again once its support has mended it",
            )
        return Readiness("pending", message, f"only {up} of {wanted} instances are shown as active with an address")

    def trouble(self, info: ClusterInfo) -> str | None:
        """Return that the cluster is being deleted or in error, or which of its machines are."""
        if info.status in ("deleting", "deleted"):
            details = f" ({info.status_details})" if info.status_details else ""
            return f"{info.status}: the cluster is being deleted{details}"
        if info.status == "error":
            return _in_error(info)
        broken = _broken(_present(info)) if info.status == "active" else []
        return f"active · in error: {', '.join(broken)}" if broken else None

    def observed(self, info: ClusterInfo, declared: Properties | None = None) -> Properties:
        """Return the inputs as Shadeform shows them, most of them by way of the machines.

        What the machines say counts only where they agree, and their number only while the cluster is active.
        """
        members = _present(info)
        shown = super().observed(info, declared)
        shown["cluster_type"] = _agreed(member.shade_instance_type for member in members)
        shown["os"] = _agreed(member.configuration.os if member.configuration else None for member in members)
        shown["num_instances"] = len(members) if info.status == "active" and members else None
        return {name: value for name, value in shown.items() if value}

    def gone(self, info: ClusterInfo) -> bool:
        """Return whether a reply is a tombstone."""
        return info.status == "deleted"

    def has_been_ready(self, info: ClusterInfo) -> bool:
        """Return whether the cluster was active once."""
        return bool(info.active_at)

    def cost(self, info: ClusterInfo) -> Cost:
        """Return the hourly price, which replies have in cents, and the estimate of what it has cost so far."""
        estimate = _ESTIMATE.fullmatch(info.cost_estimate or "")
        return Cost(
            hourly_dollars=None if info.hourly_price is None else info.hourly_price / 100,
            total_dollars=None if estimate is None else float(estimate[1].replace(",", "")),
        )

    def catalogue(self, client: Client) -> list[ClusterType]:
        """Return every offer."""
        return list_cluster_types(client)

    def catalogue_errors(self, catalogue: list[ClusterType], inputs: Properties) -> Iterable[Failure]:
        """Return at which input the list of offers runs out."""
        return catalogue_errors(catalogue, inputs)

    def live(self, info: ClusterInfo) -> bool:
        """Return whether the cluster is neither gone nor being deleted; one in `error` is live, since it may cost."""
        return info.status not in ("deleting", "deleted")


def _in_error(info: ClusterInfo) -> str:
    why = f": {info.status_details}" if info.status_details and info.status_details != "error" else ""
    return f"error{why}; the cluster may still cost money until it is deleted"


def _present(info: ClusterInfo) -> list[Instance]:
    """Return the machines without those that are leaving or have left."""
    members = info.instances or []
    return [each for each in members if each.status not in ("deleting", "deleted") and not each.deleted_at]


def _broken(members: list[Instance]) -> list[str]:
    return [member.name or member.id or "one without a name" for member in members if member.status == "error"]


def _agreed(values: Iterator[str | None]) -> str | None:
    """Return the value that all members have, or None."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


CLUSTER = ClusterLifecycle()
