"""As many machines as BENCH_MACHINES says."""

import os

import pulumi
from lab import MachineProvider
from pulumi.dynamic import Resource


class Machine(Resource, module="lab", name="Machine"):
    address: pulumi.Output[str]

    def __init__(self, name: str) -> None:
        tags = {"team": "ml", "tier": "training"}
        super().__init__(MachineProvider(), name, {"name": name, "size": 8, "tags": tags, "address": None})


for number in range(int(os.environ["BENCH_MACHINES"])):
    Machine(f"machine-{number:05}")
