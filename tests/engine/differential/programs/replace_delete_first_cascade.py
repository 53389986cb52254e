"""A delete-first replacement deletes dependents first where their own replacement would follow, and makes them anew."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up", "destroy"]
SHOWS = ["replacement, delete first: cascade"]
ORDERED = True

a = Thing("a", disk="x" if step == 1 else "y")
b = Thing("b", zone=a.address)
c = Thing("c", size=b.address)
Thing("d", ResourceOptions(depends_on=[c]))
