"""An argument that is required."""

from pulumi_gpufleet import shadeform, together
from pulumi_gpufleet.components import Fleet

together.Cluster(  # error: No overloads for "__init__" match the provided arguments
    "train", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND"
)
together.Cluster("train")  # error: No overloads for "__init__" match the provided arguments
together.ClusterArgs(  # error: Argument missing for parameter "num_gpus"
    region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND"
)
shadeform.ClusterArgs()  # error: Arguments missing for parameters "cloud", "region", "cluster_type", "num_instances"
shadeform.Cluster(  # error: No overloads for "__init__" match the provided arguments
    "batch", cloud="denvr", region="houston-usa-1", num_instances=2
)
together.ClusterConfigArgs()  # error: Argument missing for parameter "load_balancer"
volume: together.SharedVolumeArgsDict = {"size_tib": 1, "region": "x"}  # error: "volume_name" is required
Fleet(
    "fleet",
    together={  # error: is not assignable to type "ClusterArgs | ClusterArgsDict"
        "train": {"region": "us-central-8", "num_gpus": 8, "gpu_type": "H100_SXM"},
    },
)
