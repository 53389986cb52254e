"""Children move with their parent's alias, into and out of a component."""

from lab import Alias, Box, ResourceOptions, Thing, pulumi, step

STEPS = ["up", "up", "up"]
SHOWS = ["aliases"]

if step == 1:
    a = Thing("a")
elif step == 2:
    box = Box("box")
    a = Thing("a", ResourceOptions(parent=box, aliases=[Alias(parent=pulumi.ROOT_STACK_RESOURCE)]))
else:
    box = Box("case", ResourceOptions(aliases=[Alias(name="box")]))
    a = Thing("a", ResourceOptions(parent=box))
Thing("b", of=a.serial)
