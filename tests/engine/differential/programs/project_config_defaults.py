"""Config that Pulumi.yaml declares has a default and a type."""

from lab import pulumi

STEPS = ["up", "config set size notanumber", "up"]
SHOWS = ["keys of Pulumi.yaml", "config"]
PROJECT = {"config": {"size": {"type": "integer", "default": 3}}}

pulumi.export("size", pulumi.Config().get("size"))
