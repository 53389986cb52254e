"""A target whose dependency is not there yet, and a new resource that is no target."""

from lab import Thing

STEPS = ["up --target @a", "up --target @c", "up"]
SHOWS = ["targets"]

a = Thing("a")
b = Thing("b")
Thing("c", of=b.serial)
Thing("d")
