"""The protection of a parent is its children's."""

from lab import Box, ResourceOptions, Thing, step

STEPS = ["up", "preview", "up"]
SHOWS = ["protect"]

box = Box("box", ResourceOptions(protect=True))
if step == 1:
    Thing("a", ResourceOptions(parent=box))
