"""`together:Cluster`: its calls, and how its replies and changes are judged."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from gpufleet_provider.http.client import segment
from gpufleet_provider.model.errors import CloudError
from gpufleet_provider.model.fields import Failure, Properties
from gpufleet_provider.model.lifecycle import AttachedResource, Client, Effect, Lifecycle, Readiness
from gpufleet_provider.model.replies import fetch_object, fetch_rows, post_create
from gpufleet_provider.together import regions
from gpufleet_provider.together.cluster import prepaid_term
from gpufleet_provider.together.cluster import shared_volume as inline_volume
from gpufleet_provider.together.cluster.bodies import ClusterCreate, ClusterInfo, ClusterUpdate
from gpufleet_provider.together.cluster.changes import effect, update_payload
from gpufleet_provider.together.cluster.observed import observed
from gpufleet_provider.together.cluster.readiness import has_been_ready, readiness, trouble, update_readiness
from gpufleet_provider.together.cluster.rules import RULES

_CLUSTERS = "/compute/clusters"


class ClusterLifecycle(Lifecycle[ClusterInfo]):
    """A Together cluster: POST, GET, PUT and DELETE under `/compute/clusters`."""

    token = "together:Cluster"
    create_body = ClusterCreate
    update_body = ClusterUpdate
    info_body = ClusterInfo
    id_field = "cluster_id"
    name_field = "cluster_name"
    place_fields = ("region",)
    scope_field = "project_id"
    forfeit_field = "confirm_forfeit"
    data_loss_field = "confirm_data_loss"
    term_fields = ("reservation_end_time", "reservation_start_time", "duration_days")
    catalogue_fields = ("region", "gpu_type", "nvidia_version_id", "cuda_version", "nvidia_driver_version")
    rules = RULES

    def create(self, client: Client, inputs: Properties) -> str:
        """Post the create once and return the new id."""
        body = dict(inputs)
        if "shared_volume" in body:
            # What holds when it is left out is documented both ways, and one of them loses data or money.
            body["shared_volume"] = {"is_lifecycle_independent": False, **body["shared_volume"]}
        return post_create(client, _CLUSTERS, body, "cluster_id")

    def get(self, client: Client, id: str) -> Properties:
        """Return the raw reply for one id."""
        return fetch_object(client, f"{_CLUSTERS}/{segment(id)}", "cluster_id")

    def list_all(self, client: Client) -> list[Properties]:
        """Return the raw replies for every cluster of the key's project, in one request."""
        return fetch_rows(client, _CLUSTERS, "clusters")

    def list_scope(self, client: Client, scope: str) -> list[Properties]:
        """Return the raw replies for every cluster of a project; which name of the filter counts is stated twice."""
        project = segment(scope)
        return fetch_rows(client, f"{_CLUSTERS}?projectId={project}&project_id={project}", "clusters")

    def update(self, client: Client, id: str, changes: Properties) -> None:
        """Grow the inline volume if it changed, then send what else did."""
        sent = dict(changes)
        volume: Properties | None = sent.pop("shared_volume", None)
        if volume is not None:
            inline_volume.grow(client, self.get(client, id), volume)
        if sent:
            try:
                client.request("PUT", f"{_CLUSTERS}/{segment(id)}", json=sent)
            except CloudError as error:
                # The volume has grown: the update is half done, whatever became of this half.
                error.may_be_done = error.may_be_done or volume is not None
                raise

    def delete(self, client: Client, id: str) -> None:
        """Ask for the delete."""
        client.request("DELETE", f"{_CLUSTERS}/{segment(id)}")

    def readiness(self, info: ClusterInfo, inputs: Properties) -> Readiness:
        """Judge status, phases and nodes against the declared inputs."""
        return readiness(info, inputs)

    def update_readiness(self, info: ClusterInfo, inputs: Properties) -> Readiness:
        """Judge what an update changed, and nothing else."""
        return update_readiness(info, inputs)

    def trouble(self, info: ClusterInfo) -> str | None:
        """Return that the cluster is paused, degraded, being deleted, or late."""
        return trouble(info)

    def observed(self, info: ClusterInfo, declared: Properties | None = None) -> Properties:
        """Return the inputs as Together shows them."""
        return observed(info, super().observed(info, declared), declared or {})

    def gone(self, info: ClusterInfo) -> bool:
        """Return whether a reply is a tombstone; no schema has one, but nobody has stated that there is none."""
        return info.status == "Deleted"

    def has_been_ready(self, info: ClusterInfo) -> bool:
        """Return whether the cluster was ready once."""
        return has_been_ready(info)

    def live(self, info: ClusterInfo) -> bool:
        """Return whether the cluster is neither gone nor being deleted."""
        return info.status not in ("Deleting", "Deleted")

    def effect(self, name: str, old: Properties, new: Properties) -> Effect | None:
        """Judge changes of volumes, cluster configuration and add-ons, whose values decide what they do."""
        return effect(name, old, new)

    def replacement_loss(self, old: Properties) -> str:
        """Return that the inline volume goes with the cluster, unless it is lifecycle independent."""
        return inline_volume.loss(old)

    def update_payload(self, changes: Properties, inputs: Properties, prior: Properties) -> Properties:
        """Return of add-ons what differs, and what was taken out as its opposite."""
        return update_payload(changes, prior)

    def ended(self, inputs: Properties, outputs: Properties) -> str | None:
        """Return when the prepaid term ended, if it is over."""
        return prepaid_term.ended(inputs, outputs)

    def forfeits(self, inputs: Properties, outputs: Properties) -> str | None:
        """Return what is left of a prepaid term, of which Together refunds nothing."""
        return prepaid_term.forfeits(inputs, outputs)

    def forfeits_in_place(self, inputs: Properties, outputs: Properties, news: Properties) -> str | None:
        """Return how many prepaid GPUs fewer GPUs give up."""
        return prepaid_term.forfeits_in_place(inputs, outputs, news)

    def outputs(self, info: ClusterInfo) -> Properties:
        """Return the outputs, with the kubeconfig as YAML."""
        outputs = super().outputs(info)
        outputs["kube_config"] = _decoded(info.kube_config)
        return outputs

    def attachment_differences(self, info: ClusterInfo, inputs: Properties) -> Iterable[str]:
        """Say which declared volume is not attached, and what is instead."""
        return inline_volume.attachment_differences(info, inputs)

    def attached_resources(self, inputs: Properties, outputs: Properties) -> Iterable[AttachedResource]:
        """Return the inline volume, unless it is lifecycle independent; volumes that were only attached stay."""
        return inline_volume.attached_resources(inputs, outputs)

    def catalogue(self, client: Client) -> list[regions.Region]:
        """Return the regions, with the GPU types and drivers of each."""
        return regions.list_regions(client)

    def catalogue_errors(self, catalogue: list[regions.Region], inputs: Properties) -> Iterable[Failure]:
        """Return which of region, GPU type and driver the list of regions contradicts."""
        return regions.catalogue_errors(catalogue, inputs)

    def url(self, id: str) -> str | None:
        """Return the cluster's page in Together's console."""
        return f"https://api.together.ai/clusters/id/{segment(id)}"


def _decoded(kube_config: str | None) -> str:
    """Decode a kubeconfig; what is none becomes empty: half of a credential helps nobody."""
    text = kube_config or ""
    if "apiVersion:" in text:
        # Outputs that are read again hold it decoded; base64 has no colon.
        return text
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


CLUSTER = ClusterLifecycle()
