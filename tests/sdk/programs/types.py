"""A value of another type."""

import pulumi
from pulumi_gpufleet import shadeform, together

settings = pulumi.Config()
together.Cluster(
    "train",
    region="us-central-8",
    gpu_type=8,  # error: "Literal[8]" cannot be assigned to parameter "gpu_type"
    num_gpus="8",  # error: "Literal['8']" cannot be assigned to parameter "num_gpus"
    billing_type="ON_DEMAND",
    auto_scale="yes",  # error: "Literal['yes']" cannot be assigned to parameter "auto_scale"
    add_ons={"name": "dashboard"},  # error: cannot be assigned to parameter "add_ons"
)
shadeform.Cluster(
    "batch",
    cloud="denvr",
    region=settings.get("region"),  # error: "str | None" cannot be assigned to parameter "region"
    cluster_type="H100_sxm5x8",
    num_instances=2.5,  # error: "float" cannot be assigned to parameter "num_instances"
)
volume: together.SharedVolumeArgsDict = {
    "volume_name": "data",
    "size_tib": "1 TiB",  # error: "Literal['1 TiB']" is not assignable to type "Input[int]"
    "region": "us-central-8",
}
shadeform.ClusterArgs(
    cloud="denvr",
    region=settings.get("region"),  # error: "str | None" cannot be assigned to parameter "region"
    cluster_type="H100_sxm5x8",
    num_instances="2",  # error: "Literal['2']" cannot be assigned to parameter "num_instances"
)
