"""In a preview, a dependent of a replaced resource may be replaced; in the update it is if the value differs."""

from lab import Thing, step

STEPS = ["up", "preview", "up"]
SHOWS = ["replacement, create first"]

a = Thing("a", zone="x" if step == 1 else "y")
Thing("b", zone=a.address)
Thing("c", zone=a.serial.apply(lambda _: "constant"))
