"""The switches of the simulated Together: what its documents leave open, with the likeliest answer as the default."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gpufleet_provider.simulator.cloud import Switches


class TogetherSwitches(Switches):
    """When the credits run out, on-demand clusters are paused and creates are answered with 402."""

    unique_cluster_names: bool = False
    """Whether a second live cluster of one name in one region is refused with `conflict_status`."""
    conflict_status: Literal[400, 409] = 409
    """The status of conflicts that are not `Out of stock`, which is always 409."""
    deleted_cluster: Literal["deleting_then_404", "404_at_once", "tombstone"] = "deleting_then_404"
    """What follows an accepted delete. A `tombstone` reads 404 by id, and the list shows it for ten more minutes."""
    delete_while_deleting: Literal[200, 404, 409] = 200
    """The status of a DELETE for a cluster that is being deleted."""
    update_while_not_ready: Literal["accept", "refuse"] = "refuse"
    """Whether PUT is accepted while the cluster is not Ready or Degraded. It never is while Deleting."""
    cluster_config_update: Literal["merge", "replace"] = "merge"
    """Whether keys that a PUT's cluster_config leaves out keep their values or go back to their defaults."""
    unknown_add_on: Literal["refuse", "ignore", "add"] = "refuse"
    """What a PUT does with an add-on that the cluster does not have."""
    volume_is_lifecycle_independent: bool = True
    """The default of is_lifecycle_independent."""
    volume_released: Literal["cluster_gone", "delete_accepted"] = "cluster_gone"
    """When a volume stops being bound."""
    autoscaled_num_gpus: Literal["base", "current"] = "base"
    """What num_gpus shows on a cluster whose autoscaler has added nodes."""
    project_filter: Literal["projectId", "project_id", "both", "ignored"] = "projectId"
    """Which query key filters the lists."""
    unfiltered_clusters: Literal["every_project", "key_project"] = "every_project"
    """Whether a list of clusters that is not filtered shows those of every project, or of the key's own alone."""
    driver_id: Literal["catalogue", "internal", "absent"] = "catalogue"
    """The value of nvidia_driver_version_id: the catalogue's id, another one, or nothing."""
    unlisted_phases: Literal["documented", "undocumented"] = "documented"
    """The status in phases for which the schema lists none: the next phase's, or a value that is not listed."""
    failed_tests: Literal["terminal", "retried"] = "terminal"
    """Whether a cluster whose tests failed stays so, or tries again after ten minutes and passes."""
    cluster_type_update: Literal["accept", "refuse"] = "accept"
    """Whether PUT may switch between KUBERNETES and SLURM."""
    volume_multi_attach: bool = False
    """Whether a bound volume can be attached to a second cluster."""
    scale_down_first: Literal["newest", "oldest", "unhealthy"] = "newest"
    """Which nodes leave first."""
    error_shape: Literal["error", "rpc", "text"] = "error"
    """`{"error": {…}}`, the RPC shape with the message in details[], or plain text."""

    status_while_scaling: Literal["Ready", "WaitingForDataPlaneNodes"] = "Ready"
    """The status while nodes are added or removed."""
    invalid_status: Literal[400, 422] = 400
    """The status of a refused body."""
    volume_delete_refusal: Literal["conflict", "success_false"] = "conflict"
    """How the delete of an attached volume is refused: with `conflict_status`, or 200 and `success: false`."""
    driver_readback: Literal["as_given", "full"] = "as_given"
    """Whether `12.6` and `560` read back as sent, or as `12.6.3` and `560.35.03`."""
    visible_after_seconds: float = 0
    """Cloud time for which a new cluster reads 404 and is missing from the list."""
    pause_grace_seconds: float = 86400
    """Cloud time from a pause for lack of credits to the decommissioning."""
    preemptible_gpus: int = 64
    """Preemptible GPUs that are available in each region."""
    stock_gpus: dict[str, dict[str, int]] = Field(default_factory=dict[str, dict[str, int]])
    """Overrides of the catalogue's stock, by region and GPU type."""
