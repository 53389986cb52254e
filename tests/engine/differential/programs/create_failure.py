"""A create that fails ends the run; what was made is kept, and the next update goes on."""

from lab import Thing

STEPS = ["fault create b", "up", "up", "mend create b", "up"]
SHOWS = ["partial failure"]

a = Thing("a")
b = Thing("b", of=a.serial)
Thing("c", of=b.serial)
