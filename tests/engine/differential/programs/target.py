"""`--target` acts on what it names alone."""

from lab import Thing, step

STEPS = ["up", "preview --target @b", "up --target @b", "up --target @nobody", "up"]
SHOWS = ["targets"]

a = Thing("a", size=1 if step == 1 else 2)
b = Thing("b", of=a.serial, size=1 if step == 1 else 2)
Thing("c", of=b.serial, size=1 if step == 1 else 2)
Thing("d", size=1 if step == 1 else 2)
