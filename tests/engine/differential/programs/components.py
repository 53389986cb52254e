"""Components nest, have outputs, and go with their children."""

from lab import Box, ResourceOptions, Thing, pulumi, step

STEPS = ["up", "up", "up"]
SHOWS = ["components"]


class Rack(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("lab:index:Rack", name, {"given": step}, opts)
        box = Box(f"{name}-box", ResourceOptions(parent=self))
        self.thing = Thing(f"{name}-a", ResourceOptions(parent=box))
        self.register_outputs({"address": self.thing.address})


if step < 3:
    rack = Rack("rack")
    Thing("b", ResourceOptions(depends_on=[rack]))
