"""A delete that fails leaves the resource in the state, and what it depends on."""

from lab import Thing

STEPS = ["up", "fault delete b", "destroy", "mend delete b", "destroy"]
SHOWS = ["partial failure"]

a = Thing("a")
b = Thing("b", of=a.serial)
Thing("c", of=b.serial)
