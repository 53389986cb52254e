"""An exception in an `apply` fails the run."""

from lab import Thing

STEPS = ["preview", "up"]
SHOWS = ["a program that fails"]

a = Thing("a")
a.serial.apply(lambda serial: 1 / (serial - serial))
Thing("b", of=a.serial)
