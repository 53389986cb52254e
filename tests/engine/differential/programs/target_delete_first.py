"""A target that is replaced delete-first needs its dependents."""

from lab import Thing, step

STEPS = ["up", "up --target @a", "preview --target @a --target-dependents", "up --target @a --target-dependents"]
SHOWS = ["targets", "replacement, delete first: cascade"]

a = Thing("a", disk="x" if step == 1 else "y")
b = Thing("b", zone=a.address)
Thing("c", of=b.serial)
Thing("d", size=step)
