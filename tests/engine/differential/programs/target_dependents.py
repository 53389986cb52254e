"""`--target-dependents` adds what depends on the targets, and nothing else."""

from lab import Thing, step

STEPS = ["up", "preview --target @a --target-dependents", "up --target @a --target-dependents", "up --target **d"]
SHOWS = ["targets"]

a = Thing("a", zone="x" if step == 1 else "y")
b = Thing("b", zone=a.address)
Thing("c", of=b.serial, size=step)
Thing("d", zone="x" if step == 1 else "y")
Thing("e", size=step)
