"""Shadeform's resources as the conformance suite makes them."""

from tests.conformance.example import Example

EXAMPLES = {
    "shadeform:Cluster": Example(
        kind="cluster",
        inputs={
            "cloud": "denvr",
            "region": "houston-usa-1",
            "cluster_type": "H100_sxm5x8",
            "num_instances": 2,
        },
        in_place=None,
        replacing={"num_instances": 1},
        failure={"fault": "provisioning_failed"},
    )
}
