"""Every way of saying it that is right; the type checker has nothing to say."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_gpufleet import shadeform, together
from pulumi_gpufleet.components import Fleet

settings = pulumi.Config()
region = pulumi.Output.from_input("us-central-8")
maybe: pulumi.Output[str | None] = pulumi.Output.from_input(settings.get("project"))

config: together.ClusterConfigArgsDict = {"load_balancer": "NGINX", "ingress": {"enabled": True}}
cluster = together.Cluster(
    "serving",
    pulumi.ResourceOptions(protect=True),
    region=region,
    gpu_type="H400_SXM",
    num_gpus=settings.require_int("gpus"),
    billing_type="RESERVED",
    project_id=maybe,
    duration_days=None,
    cluster_config=config,
    shared_volume=together.SharedVolumeArgs(volume_name="data", size_tib=1, region=region),
    add_ons=[
        {"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": region.apply(bool)}}},
        together.AddOnArgs(name="else", add_on_type="brand_new"),
    ],
)
nodes: pulumi.Output[Sequence[together.outputs.GpuWorkerNode]] = cluster.gpu_worker_nodes
hosts: pulumi.Output[list[str]] = cluster.gpu_worker_nodes.apply(lambda nodes: [node.host_name for node in nodes])
phases: pulumi.Output[Sequence[together.outputs.ClusterPhaseTransition]] = cluster.phase_transitions
started: pulumi.Output[str | None] = cluster.first_ready_at
kube_config: pulumi.Output[str] = together.get_kube_config_output(cluster.id)

arguments: shadeform.ClusterArgsDict = {
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 2,
}
batch = shadeform.Cluster("batch", **arguments)
cheapest: shadeform.outputs.ClusterType = shadeform.get_cluster_types(available=True)[0]
price_cents: int = cheapest.cluster_type.hourly_price
offers: pulumi.Output[list[shadeform.outputs.ClusterType]] = shadeform.get_cluster_types_output(
    region=batch.region_info.region
)

# Pulumi's other form, with the options in either place.
with_args = shadeform.ClusterArgs(cloud="denvr", region=region, cluster_type="H100_sxm5x8", num_instances=2)
with_args.os = "ubuntu22.04_cuda12.2_shade_os"
shadeform.Cluster("other", with_args)
shadeform.Cluster("other", with_args, pulumi.ResourceOptions(protect=True))
shadeform.Cluster("other", args=with_args, opts=pulumi.ResourceOptions(protect=True))
shadeform.Cluster("other", opts=pulumi.ResourceOptions(protect=True), **arguments)

# Every input is an attribute, with the type of the output of its name where there is one.
place: pulumi.Output[str] = batch.region
count: pulumi.Output[int] = batch.num_instances
image: pulumi.Output[str | None] = batch.os
days: pulumi.Output[int | None] = cluster.duration_days
volume: pulumi.Output[together.outputs.SharedVolume | None] = cluster.shared_volume
size: pulumi.Output[int] = volume.apply(lambda found: found.size_tib if found else 0)
add_ons: pulumi.Output[Sequence[together.outputs.AddOnInfo]] = cluster.add_ons
gpu_type: together.GpuType = "H400_SXM"
billing_type: together.BillingType = "RESERVED"
status: pulumi.Output[str] = cluster.status

fleet = Fleet("fleet", shadeform={"a": arguments, "b": with_args}, together={})
ids: pulumi.Output[Mapping[str, str]] = fleet.ids
theirs: together.Cluster = together.Cluster.get("theirs", cluster.id)
