"""Config that Pulumi.yaml declares has a default and a type."""

from lab import pulumi

STEPS = [
    "up",
    "config --json",
    "config get list",
    "config get --path list[0]",
    "config set size notanumber",
    "config get size",
    "up",
    "config rm size",
    "config get size",
]
SHOWS = ["keys of Pulumi.yaml", "config"]
PROJECT = {
    "config": {
        "size": {"type": "integer", "default": 3},
        "list": {"type": "array", "items": {"type": "string"}, "default": ["a", "b"]},
        "other:zone": "x",
    }
}

pulumi.export("size", pulumi.Config().get("size"))
