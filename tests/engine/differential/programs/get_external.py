"""A resource that is got by its id is read, and never changed or deleted."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "up", "destroy"]
SHOWS = ["reading what is not ours"]

a = Thing("a", size=1)
if step < 3:
    b = Thing("b", ResourceOptions(id="a-1" if step == 2 else a.id), name="a")
    Thing("c", of=b.serial)
