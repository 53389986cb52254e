"""`destroy --target` deletes what it names, and refuses to leave dependents behind."""

from lab import Thing

STEPS = ["up", "destroy --target @d", "destroy --target @a", "destroy --target @a --target-dependents"]
SHOWS = ["targets", "destroy"]

a = Thing("a")
b = Thing("b", of=a.serial)
Thing("c", of=b.serial)
Thing("d")
Thing("e")
