"""An output that does not exist, or that is something else."""

import pulumi
from pulumi_gpufleet import together

cluster = together.Cluster.get("theirs", "c-1")
print(cluster.gpu_nodes)  # error: Cannot access attribute "gpu_nodes"
cluster.gpu_worker_nodes.apply(lambda nodes: nodes[0].hostname)  # error: Cannot access attribute "hostname"
name: pulumi.Output[str] = cluster.num_gpus  # error: "Output[int]" is not assignable to "Output[str]"
together.get_kube_config_output(cluster.num_gpus)  # error: "Output[int]" cannot be assigned to parameter "id"
print(together.get_regions()[0].regions)  # error: Cannot access attribute "regions"
