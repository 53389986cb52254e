"""Example Cloud's resources as the conformance suite makes them."""

from tests.conformance.example import Example

EXAMPLES = {
    "example_cloud:Machine": Example(
        kind="machine",
        inputs={"zone": "north", "num_gpus": 8},
        in_place={"num_gpus": 16},
        replacing={"zone": "south"},
        failure={"fault": "provisioning_failed"},
    )
}
