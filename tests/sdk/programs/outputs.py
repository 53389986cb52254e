"""An output that does not exist, or that is something else."""

import pulumi
from pulumi_gpufleet import together

cluster = together.Cluster.get("theirs", "c-1")
print(cluster.gpu_nodes)  # error: Cannot access attribute "gpu_nodes"
cluster.gpu_worker_nodes.apply(lambda nodes: nodes[0].hostname)  # error: Cannot access attribute "hostname"
name: pulumi.Output[str] = cluster.num_gpus  # error: "Output[int]" is not assignable to "Output[str]"
together.get_kube_config_output(cluster.num_gpus)  # error: "Output[int]" cannot be assigned to parameter "id"
print(together.get_regions()[0].regions)  # error: Cannot access attribute "regions"
cluster.duration_days.apply(lambda days: days + 1)  # error: Operator "+" not supported for "None"
print(cluster.num_nodes)  # error: Cannot access attribute "num_nodes"
volume: pulumi.Output[together.outputs.SharedVolume] = cluster.shared_volume  # error: is not assignable to
cluster.shared_volume.apply(lambda found: found and found.size_gib)  # error: Cannot access attribute "size_gib"
