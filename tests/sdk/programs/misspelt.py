"""A name that does not exist, at the top, in an argument class and in a dictionary."""

from pulumi_gpufleet import together

together.Cluster(  # error: No overloads for "__init__" match the provided arguments
    "train",
    regoin="us-central-8",
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ON_DEMAND",
    shared_volume=together.SharedVolumeArgs(
        volume_name="data",
        size_gib=1024,  # error: No parameter named "size_gib"
        size_tib=1,
        region="us-central-8",
    ),
    oidc_config=together.OidcConfigArgs(
        issuerUrl="https://accounts.google.com",  # error: No parameter named "issuerUrl"
        issuer_url="https://accounts.google.com",
        client_id="id",
        username_claim="sub",
        username_prefix="oidc:",
        group_claim="groups",
        group_prefix="oidc:",
    ),
)
together.Cluster(
    "train",
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ON_DEMAND",
    cluster_config={  # error: is not assignable to "ClusterConfigArgsDict"
        "load_balancer": "NONE",
        "ingres": {"enabled": True},
    },
    add_ons=[
        {"name": "web", "add_on_type": "slurm_web", "configuration": {}},  # error: is not assignable to "AddOnArgsDict"
    ],
)
add_on: together.AddOnArgsDict = {
    "name": "dashboard",
    "type": "dashboard",  # error: "type" is an undefined item in type "AddOnArgsDict"
    "add_on_type": "dashboard",
}
arguments: together.ClusterArgsDict = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "gpus": 8,  # error: "gpus" is an undefined item in type "ClusterArgsDict"
    "billing_type": "ON_DEMAND",
}
together.ClusterArgs(
    regoin="us-central-8",  # error: No parameter named "regoin"
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ON_DEMAND",
)
together.ClusterArgs(
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ON_DEMAND",
    cluster_config={  # error: is not assignable to "ClusterConfigArgsDict"
        "load_balancer": "NONE",
        "ingres": {"enabled": True},
    },
)
print(together.GpuWorkerNode)  # error: "GpuWorkerNode" is not a known attribute of module "pulumi_gpufleet.together"
print(together.outputs.GpuNode)  # error: "GpuNode" is not a known attribute
