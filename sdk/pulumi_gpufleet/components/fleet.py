"""`Fleet`: many clusters, on one cloud or several, as one component."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from pulumi_gpufleet import shadeform as on_shadeform
from pulumi_gpufleet import together as on_together


class Fleet(pulumi.ComponentResource):
    """Clusters by name, declared and deleted together; each is a resource of its own, `<fleet>-<name>`."""

    together: Mapping[str, on_together.Cluster]
    """The clusters on Together, by name."""

    shadeform: Mapping[str, on_shadeform.Cluster]
    """The clusters on Shadeform, by name."""

    ids: pulumi.Output[Mapping[str, str]]
    """The id of each cluster, by name."""

    kube_configs: pulumi.Output[Mapping[str, str]]
    """The kubeconfig of each cluster on Together as YAML, by name; secret."""

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        together: Mapping[str, on_together.ClusterArgs | on_together.ClusterArgsDict] | None = None,
        shadeform: Mapping[str, on_shadeform.ClusterArgs | on_shadeform.ClusterArgsDict] | None = None,
    ) -> None:
        """Create a Fleet component with the given unique name and options.

        `custom_timeouts` among the options holds for every cluster. Raises pulumi.RunError when both clouds have a
        cluster of the same name.

        :param str resource_name: The name of the component.
        :param pulumi.ResourceOptions opts: Options for the component.
        :param Mapping[str, together.ClusterArgs | together.ClusterArgsDict] together: The arguments of each cluster on
            Together, by its name in the fleet.
        :param Mapping[str, shadeform.ClusterArgs | shadeform.ClusterArgsDict] shadeform: The arguments of each cluster
            on Shadeform, by its name in the fleet.
        """
        super().__init__("gpufleet:components:Fleet", resource_name, None, opts)
        together, shadeform = together or {}, shadeform or {}
        if twice := sorted(together.keys() & shadeform.keys()):
            raise pulumi.RunError(f"fleet {resource_name!r}: {', '.join(twice)} is on both clouds; use distinct names")
        # The engine does not pass a component's timeouts on to its children.
        child = pulumi.ResourceOptions(parent=self, custom_timeouts=opts.custom_timeouts if opts else None)
        self.together = {
            name: on_together.Cluster(f"{resource_name}-{name}", arguments, child)
            if isinstance(arguments, on_together.ClusterArgs)
            else on_together.Cluster(f"{resource_name}-{name}", child, **arguments)
            for name, arguments in together.items()
        }
        self.shadeform = {
            name: on_shadeform.Cluster(f"{resource_name}-{name}", arguments, child)
            if isinstance(arguments, on_shadeform.ClusterArgs)
            else on_shadeform.Cluster(f"{resource_name}-{name}", child, **arguments)
            for name, arguments in shadeform.items()
        }
        self.ids = _by_name({name: cluster.id for name, cluster in {**self.together, **self.shadeform}.items()})
        self.kube_configs = pulumi.Output.secret(
            _by_name({name: cluster.kube_config for name, cluster in self.together.items()})
        )
        self.register_outputs({"ids": self.ids, "kube_configs": self.kube_configs})


def _by_name(outputs: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[Mapping[str, str]]:
    # Of nothing, Pulumi makes an empty list.
    return pulumi.Output.all(**outputs).apply(lambda values: dict(values))
