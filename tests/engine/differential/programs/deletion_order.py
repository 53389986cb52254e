"""Dependents are deleted before what they depend on, children before their parents."""

from lab import ResourceOptions, Thing

STEPS = ["up", "destroy"]
SHOWS = ["order of operations"]
ORDERED = True

a = Thing("a")
b = Thing("b", of=a.serial)
c = Thing("c", ResourceOptions(parent=b))
Thing("d", ResourceOptions(depends_on=[c]))
