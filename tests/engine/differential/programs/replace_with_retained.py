"""A retained resource that is replaced leaves the old one in the cloud."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up"]
SHOWS = ["retain_on_delete"]

Thing("a", ResourceOptions(retain_on_delete=True), zone=str(step))
