"""Look-ups on Together besides those of resources by their id: regions and kubeconfigs."""

from __future__ import annotations

import pulumi
from gpufleet_provider.together import CLOUD
from gpufleet_provider.together.regions import list_regions

from pulumi_gpufleet.lookups import ask, ask_later, resource_of, typed
from pulumi_gpufleet.together import outputs

__all__ = [
    "get_kube_config",
    "get_kube_config_output",
    "get_regions",
    "get_regions_output",
]


def get_regions() -> list[outputs.Region]:
    """Return Together's regions, with their GPU types and driver versions; raises pulumi.RunError."""
    return [typed(outputs.Region, region) for region in ask(CLOUD, list_regions)]


def get_regions_output() -> pulumi.Output[list[outputs.Region]]:
    """Return Together's regions as an output; a preview without a key does not know them."""
    return ask_later(CLOUD, None, lambda _: get_regions())


def get_kube_config(id: str) -> str:
    """Return the kubeconfig of a cluster as YAML, ready for `pulumi_kubernetes.Provider`.

    Raises pulumi.RunError, also where the cluster has none (yet).
    """
    kube_config = resource_of("together:Cluster", id).get("kube_config")
    if not kube_config:
        raise pulumi.RunError(f"Together: cluster {id} has no kubeconfig yet; run it again once the cluster is ready")
    return kube_config


def get_kube_config_output(id: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the kubeconfig of a cluster as YAML, secret.

    Given `cluster.id` it stays known in the preview of a change in place, when `cluster.kube_config` does not, so that
    scaling a cluster shows no change of what is deployed into it.
    """
    # The answer to a secret id is secret.
    return ask_later(CLOUD, pulumi.Output.secret(id), get_kube_config)
