"""A targeted resource that is dropped is deleted; others that are dropped stay."""

from lab import Thing, step

STEPS = ["up", "up --target @a", "up --target @b", "up"]
SHOWS = ["targets"]

if step == 1:
    Thing("a")
    b = Thing("b")
    Thing("c", of=b.serial)
Thing("d", size=step)
