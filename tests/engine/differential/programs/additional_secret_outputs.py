"""Outputs become secret by name; paths are not looked into."""

from lab import ResourceOptions, Thing, pulumi, step

STEPS = ["up", "up", "stack output --json", "stack output --json --show-secrets"]
SHOWS = ["paths of properties", "secrets"]

a = Thing(
    "a",
    ResourceOptions(additional_secret_outputs=["address"] if step == 1 else ["address", "map.key", "rows[*]"]),
    map={"key": "k"},
    rows=[1],
)
pulumi.export("address", a.address)
pulumi.export("all", {"map": a.serial, "address": [a.address]})
