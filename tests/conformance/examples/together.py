"""Together's resources as the conformance suite makes them."""

from tests.conformance.example import Example

EXAMPLES = {
    "together:Cluster": Example(
        kind="cluster",
        inputs={
            "region": "us-central-8",
            "gpu_type": "H100_SXM",
            "num_gpus": 8,
            "billing_type": "ON_DEMAND",
            "cuda_version": "12.6",
            "nvidia_driver_version": "560",
        },
        in_place={"num_gpus": 16},
        replacing={"region": "us-west-1"},
    )
}
