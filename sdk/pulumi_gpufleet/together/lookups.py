"""Look-ups on Together: regions, clusters and kubeconfigs, asked from the program while it runs."""

from __future__ import annotations

import pulumi
from gpufleet_provider.together import CLOUD
from gpufleet_provider.together.regions import list_regions

from pulumi_gpufleet.lookups import ask, ask_later, cluster_of, typed
from pulumi_gpufleet.together.cluster import GetClusterResult
from pulumi_gpufleet.together.regions import Region

__all__ = [
    "get_cluster",
    "get_cluster_output",
    "get_kube_config",
    "get_kube_config_output",
    "get_regions",
    "get_regions_output",
]


def get_regions() -> list[Region]:
    """Return Together's regions, with their GPU types and driver versions; raises pulumi.RunError."""
    return [typed(Region, region) for region in ask(CLOUD, list_regions)]


def get_regions_output() -> pulumi.Output[list[Region]]:
    """Return Together's regions as an output; a preview without a key does not know them."""
    return ask_later(CLOUD, None, lambda _: get_regions())


def get_cluster(id: str) -> GetClusterResult:
    """Return a living cluster by its id, its kubeconfig in clear; raises pulumi.RunError."""
    return typed(GetClusterResult, cluster_of(CLOUD, id))


def get_cluster_output(id: pulumi.Input[str]) -> pulumi.Output[GetClusterResult]:
    """Return a living cluster by its id; all of it is secret, since its kubeconfig is."""
    # A secret question has a secret answer; `Output.secret` of the answer would make plain dictionaries of its types.
    return ask_later(CLOUD, pulumi.Output.secret(id), get_cluster)


def get_kube_config(id: str) -> str:
    """Return the kubeconfig of a cluster as YAML, ready for `pulumi_kubernetes.Provider`.

    Raises pulumi.RunError, also where the cluster has none (yet).
    """
    kube_config = cluster_of(CLOUD, id).get("kube_config")
    if not kube_config:
        raise pulumi.RunError(f"Together: cluster {id} has no kubeconfig yet; run it again once the cluster is ready")
    return kube_config


def get_kube_config_output(id: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the kubeconfig of a cluster as YAML, secret.

    By `cluster.id` it stays known in the preview of a change in place, when `cluster.kube_config` does not: what is
    deployed into a cluster does not ripple when the cluster is scaled.
    """
    return ask_later(CLOUD, pulumi.Output.secret(id), get_kube_config)
