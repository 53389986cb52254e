"""A toolchain that does not exist is an error."""

from lab import Thing

STEPS = ["up"]
SHOWS = ["keys of Pulumi.yaml"]
PROJECT = {"runtime": {"name": "python", "options": {"toolchain": "nonsense"}}}

Thing("a")
