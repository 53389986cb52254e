"""The switches of the simulated Shadeform: what its documents leave open, with the likeliest answer as the default."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gpufleet_provider.simulator.cloud import Switches


class ShadeformSwitches(Switches):
    """When the credits run out, creates are answered with INSUFFICIENT_FUNDS; running resources stay."""

    error_shape: Literal["error_code", "message", "nested"] = "error_code"
    """`{"error_code", "error"}`, `{"message"}` or `{"error": {"code", "message"}}`; a wrong key is always `message`."""
    insufficient_funds_status: Literal[402, 409] = 409
    """The status beside INSUFFICIENT_FUNDS."""
    invalid_status: Literal[400, 409, 422] = 400
    """The status of a refused body."""
    status_words: Literal["instance", "other"] = "instance"
    """Whether clusters have the instances' statuses until they are active, or only `provisioning`."""
    read_while_deleting: Literal[200, 404] = 200
    """What /info answers while a cluster is being deleted."""
    list_while_deleting: bool = True
    """Whether the list still shows a cluster that is being deleted."""
    delete_while_deleting: Literal[200, 404, 409] = 200
    """The status of a second delete."""
    delete_while_creating: Literal["accept", "refuse"] = "accept"
    """Whether a cluster can be deleted before it is active."""
    sizes: Literal["offered", "any"] = "offered"
    """Whether num_instances must be one of the cluster types."""
    hourly_price_of: Literal["cluster", "node"] = "cluster"
    """Whether a cluster's hourly_price is for all its machines or for one. It is billed for all."""
    unique_cluster_names: bool = False
    """Whether a second live cluster of one name is refused."""
    name_readback: Literal["as_given", "dashes"] = "as_given"
    """Whether names are returned as sent, or in lower case with dashes for underscores."""
    members_are_instances: bool = False
    """Whether /instances shows the machines of clusters."""
    members_show_launch_configuration: bool = True
    """Whether cluster machines carry a launch_configuration with secrets, as in the documented example."""
    active_before_members: bool = False
    """Whether a cluster is active two minutes before its last machine is."""
    absent_fields: Literal["missing", "null"] = "missing"
    """How a cluster shows fields that have no value yet, such as active_at."""
    visible_after_seconds: float = 0
    """Cloud time for which a new cluster reads 404 and is missing from the list."""
    stock_nodes: dict[str, int] = Field(default_factory=dict[str, int])
    """Machines that can run at once, by `cloud/region/type`; 0 is sold out."""
