"""The two forms of a constructor, mixed up."""

import pulumi
from pulumi_gpufleet import shadeform, together
from pulumi_gpufleet.components import Fleet

opts = pulumi.ResourceOptions()
arguments: shadeform.ClusterArgsDict = {"cloud": "denvr", "region": "x", "cluster_type": "y", "num_instances": 2}
args = shadeform.ClusterArgs(cloud="denvr", region="x", cluster_type="y", num_instances=2)
shadeform.Cluster("batch", arguments)  # error: "ClusterArgsDict" cannot be assigned to parameter "args"
shadeform.Cluster("batch", opts, args)  # error: "ResourceOptions" cannot be assigned to parameter "args"
shadeform.Cluster("batch", args, region="elsewhere")  # error: No overloads for "__init__" match
together.Cluster("batch", args)  # error: "pulumi_gpufleet.shadeform.cluster.ClusterArgs" is not assignable
shadeform.Cluster("batch", args, opts="protect")  # error: cannot be assigned to parameter "opts"
Fleet("fleet", together={"a": args})  # error: is not assignable to
