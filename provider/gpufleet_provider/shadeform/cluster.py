"""`shadeform:Cluster`: machines with GPUs, rented from one of many clouds through Shadeform, with a fast network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from gpufleet_provider.http.client import segment
from gpufleet_provider.model.errors import Ambiguous
from gpufleet_provider.model.fields import Body, Failure, Info, Properties, Suggested, Unreadable
from gpufleet_provider.model.lifecycle import Client, Lifecycle, Readiness
from gpufleet_provider.model.replies import identified, listed
from gpufleet_provider.shadeform.cluster_instances import STATUSES, Instance
from gpufleet_provider.shadeform.cluster_types import ClusterType, catalogue_errors, list_cluster_types

Text = Annotated[str, Field(min_length=1)]
"""A non-empty string."""


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

    name: Text | None = None
    """Name of the cluster. Defaults to `<resource name>-<8 hex digits>`, stable across runs."""

    cloud: Text
    """Cloud to rent from, such as `denvr`; `shadeform.get_cluster_types()` lists them."""

    region: Text
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

    region: str
    """Region, as in the argument `region`."""

    display_name: str
    """Display name, such as `US, Houston, TX`."""


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
    """Details of the status."""

    cost_estimate: str | None = None
    """Cost of the cluster so far, as a string such as `$15.00`."""

    active_at: str | None = None
    """When the cluster became active (RFC 3339)."""


# --- Lifecycle ------------------------------------------------------------------------------------------------------


class ClusterLifecycle(Lifecycle[ClusterInfo]):
    """The life of a Shadeform cluster: there are only GET and POST, and no update."""

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
        id = client.request("POST", "/clusters/create", json=inputs, creates=True).get("id")
        if not isinstance(id, str) or not id:
            raise Ambiguous("Shadeform: the create of a cluster was accepted, but the answer holds no id")
        return id

    def get(self, client: Client, id: str) -> Properties:
        """Return the raw reply for one id."""
        return identified(client.request("GET", f"/clusters/{segment(id)}/info"), "id", "Shadeform")

    def list_all(self, client: Client) -> list[Properties]:
        """Return the raw replies for every cluster of the account, in one request."""
        return listed(client.request("GET", "/clusters"), "clusters", "Shadeform")

    def delete(self, client: Client, id: str) -> None:
        """Ask for the delete; the bill stops when the cluster is `deleting`."""
        client.request("POST", f"/clusters/{segment(id)}/delete", repeatable=True)

    def readiness(self, info: ClusterInfo, inputs: Properties) -> Readiness:
        """Judge the status and, once it is `active`, the machines, against the declared number of them.

        An active cluster with a machine in `error` is stopped: Shadeform repairs no member, but the others run.
        """
        status = info.status or "no status yet"
        members = info.instances or []
        wanted = inputs.get("num_instances") or len(members)
        up = sum(member.status == "active" and bool(member.ip) for member in members)
        details = info.status_details if info.status_details != status else None
        words = " · ".join(filter(None, (status, details, f"{up} of {wanted} instances active")))
        if status in ("deleting", "deleted"):
            return Readiness("failed", f"{status}: the cluster is on its way out")
        if status == "error":
            why = f": {details}" if details else ""
            return Readiness("failed", f"error{why}; the cluster may still cost money until it is deleted")
        if status != "active":
            return Readiness("pending", words)
        broken = [member.name or member.id for member in members if member.status == "error"]
        if broken:
            return Readiness(
                "blocked",
                f"{words} · in error: {', '.join(broken)}; Shadeform has no call that repairs a member: "
                "replace the cluster, or run `pulumi up` again once its support has mended it",
            )
        return Readiness("ready" if up == wanted and len(members) == wanted else "pending", words)

    def observed(self, info: ClusterInfo, declared: Properties | None = None) -> Properties:
        """Return the inputs as Shadeform shows them, most of them by way of the machines.

        What the machines say counts only where they agree, and their number only while the cluster is active.
        """
        members = info.instances or []
        shown: Properties = {"name": info.name, "cloud": info.cloud}
        if info.region_info is not None:  # pyright: ignore[reportUnnecessaryComparison]
            shown["region"] = info.region_info.region
        shown["cluster_type"] = _agreed(member.shade_instance_type for member in members)
        shown["os"] = _agreed(member.configuration.os if member.configuration else None for member in members)
        shown["num_instances"] = len(members) if info.status == "active" and members else None
        return {name: value for name, value in shown.items() if value}

    def gone(self, info: ClusterInfo) -> bool:
        """Say whether a reply is a tombstone."""
        return info.status == "deleted"

    def catalogue(self, client: Client) -> list[ClusterType]:
        """Return every offer."""
        return list_cluster_types(client)

    def catalogue_errors(self, catalogue: list[ClusterType], inputs: Properties) -> Iterable[Failure]:
        """Say at which input the list of offers runs out."""
        return catalogue_errors(catalogue, inputs)

    def live(self, info: ClusterInfo) -> bool:
        """Say whether the cluster is neither gone nor on its way out; one in `error` is live, since it may cost."""
        return info.status not in ("deleting", "deleted")


def _agreed(values: Iterator[str | None]) -> str | None:
    """Return the value that all members have, or None."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


CLUSTER = ClusterLifecycle()
