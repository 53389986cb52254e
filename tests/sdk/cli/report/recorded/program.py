"""What was recorded: `up` with `step` 1, then the preview with `step` 2, against simulated clouds."""

import pulumi
from pulumi_gpufleet import shadeform, together

settings = pulumi.Config()
first = settings.require_int("step") == 1
DRIVER = {"cuda_version": "12.6", "nvidia_driver_version": "560"}

serving = together.Cluster(
    "serving",
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=16 if first else 32,
    billing_type="ON_DEMAND",
    shared_volume={"volume_name": "datasets", "size_tib": 2, "region": "us-central-8"},
    **DRIVER,
)
together.Cluster(
    "training",
    region="us-central-8" if first else "us-east-1",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ON_DEMAND",
    cluster_type="SLURM",
    slurm_shm_size_gib=64,
    **DRIVER,
)
together.Cluster(
    "reserved",
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=16,
    billing_type="RESERVED",
    duration_days=30,
    num_reserved_gpus=8,
    project_id="p1" if first else "p2",
    confirm_forfeit=True,
    opts=pulumi.ResourceOptions(protect=first),
    **DRIVER,
)
shadeform.Cluster(
    "batch",
    cloud="denvr",
    region="houston-usa-1",
    cluster_type="H100_sxm5x8",
    num_instances=2 if first else 4,
)
if first:
    shadeform.Cluster("old", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8", num_instances=2)
else:
    together.Cluster("new", region="us-central-8", gpu_type="H200_SXM", num_gpus=8, billing_type="ON_DEMAND", **DRIVER)
pulumi.export("kubeconfig", serving.kube_config)
pulumi.export("token", settings.require_secret("token"))
