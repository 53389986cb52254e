"""A value that no closed enumeration has."""

from pulumi_gpufleet import together

together.Cluster(
    "train",
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ONDEMAND",  # error: "Literal['ONDEMAND']" cannot be assigned to parameter "billing_type"
    cluster_type="kubernetes",  # error: "Literal['kubernetes']" cannot be assigned to parameter "cluster_type"
)
together.ClusterConfigArgs(load_balancer="HAPROXY")  # error: "Literal['HAPROXY']" cannot be assigned
config: together.ClusterConfigArgsDict = {"load_balancer": "HAPROXY"}  # error: "Literal['HAPROXY']" is not assignable
tests = together.AcceptanceTestsParamsArgs(
    dcgm_diag_level="LONG",  # error: "Literal['LONG']" cannot be assigned to parameter "dcgm_diag_level"
)
args = together.ClusterArgs(
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ONDEMAND",  # error: "Literal['ONDEMAND']" cannot be assigned to parameter "billing_type"
)
args.billing_type = "PREPAID"  # error: "Literal['PREPAID']" is not assignable to type "Input[BillingType]"
billing_type: together.BillingType = "SPOT"  # error: "Literal['SPOT']" is not assignable
