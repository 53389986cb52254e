"""Three GPU clusters on two clouds: Kubernetes and Slurm on Together, two machines on Shadeform.

`make up` in the repository's root brings them up, against simulated clouds unless the stack says otherwise.
"""

from collections.abc import Sequence

import pulumi
import pulumi_random as random
from pulumi_gpufleet import shadeform, together

# Edit one of these and run `make up` again, or set it for one stack: `pulumi config set numGpus 24`.
settings = pulumi.Config()
num_gpus = settings.get_int("numGpus", 16)  # scales the Kubernetes cluster in place
region = settings.get("region", "us-central-8")  # replaces both clusters on Together: a cluster cannot move
may_lose_data = settings.get_bool("mayLoseData", False)  # whether a replacement may delete the volume of `serving`

dataset = random.RandomPet("dataset")

serving = together.Cluster(
    "serving",
    region=region,
    gpu_type="H100_SXM",
    num_gpus=num_gpus,
    billing_type="ON_DEMAND",
    cuda_version="12.6",
    nvidia_driver_version="560",
    shared_volume={"volume_name": dataset.id, "size_tib": 1, "region": region},
    confirm_data_loss=may_lose_data,
    add_ons=[{"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}}],
)

training = together.Cluster(
    "training",
    region=region,
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ON_DEMAND",
    cluster_type="SLURM",
    slurm_shm_size_gib=64,
    cuda_version="12.6",
    nvidia_driver_version="560",
)

# The same in Pulumi's other form: all arguments as one object, which several resources may share.
machines = shadeform.ClusterArgs(
    cloud="denvr",
    region="houston-usa-1",
    cluster_type="H100_sxm5x8",
    num_instances=2,
)
batch = shadeform.Cluster("batch", machines)


def host_names(nodes: Sequence[together.outputs.GpuWorkerNode]) -> list[str]:
    return [node.host_name for node in nodes]


pulumi.export("ids", {"serving": serving.id, "training": training.id, "batch": batch.id})
pulumi.export("dataset", dataset.id)
pulumi.export("serving_nodes", serving.gpu_worker_nodes.apply(host_names))
pulumi.export("training_nodes", training.gpu_worker_nodes.apply(host_names))
pulumi.export("batch_addresses", batch.instances.apply(lambda found: [machine.ip for machine in found]))
pulumi.export("kubeconfig", serving.kube_config)
