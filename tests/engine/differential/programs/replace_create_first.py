"""A replacement is created before its predecessor is deleted; a dependent is updated in between."""

from lab import Thing, step

STEPS = ["up", "preview", "up", "destroy"]
SHOWS = ["replacement, create first"]
ORDERED = True

a = Thing("a", zone="x" if step == 1 else "y")
b = Thing("b", of=a.address)
