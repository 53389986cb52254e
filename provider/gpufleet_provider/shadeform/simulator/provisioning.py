"""The statuses of simulated Shadeform clusters and instances, and every duration in seconds of cloud time."""

from __future__ import annotations

from typing import NamedTuple

from gpufleet_provider.simulator.faults import PlannedFailureKind


class Step(NamedTuple):
    """A status of a cluster, its status_details, and how long it lasts."""

    status: str
    details: str
    seconds: float


CLUSTER_STEPS = (
    Step("creating", "Cluster is queued", 60),
    Step("pending_provider", "Cluster is provisioning", 240),
    Step("pending", "Instances are booting", 300),
)
CLUSTER_SECONDS = sum(step.seconds for step in CLUSTER_STEPS)
CLUSTER_DELETE_SECONDS = 120.0
LATE_MEMBER_SECONDS = 120.0
"""How long after its cluster the last machine is active, if the switch `active_before_members` says so."""

FAILURE_EVENTS: dict[PlannedFailureKind, str] = {"degraded": "degrade", "vanished": "vanish"}
"""The event of each planned failure that happens when provisioning is over, or at a time of its own."""

INSTANCE_STEPS = (("pending_provider", 20.0), ("pending", 60.0), ("active", 240.0))
"""When each status of an instance begins, in seconds after its creation."""
INSTANCE_DELETE_SECONDS = 30.0
