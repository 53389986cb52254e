"""A refresh drops what is gone; the next update makes it anew."""

from lab import Thing

STEPS = ["up", "gone a-1", "refresh", "up"]
SHOWS = ["refresh"]

a = Thing("a")
Thing("b", of=a.serial)
