"""Under a new parent, a resource is another one: it is created, and the old one deleted."""

from lab import Box, ResourceOptions, Thing, step

STEPS = ["up", "up"]
SHOWS = ["aliases"]

box = Box("box")
Thing("a", ResourceOptions(parent=box if step == 2 else None))
