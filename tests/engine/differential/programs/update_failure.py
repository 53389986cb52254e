"""An update that fails keeps the old state."""

from lab import Thing, step

STEPS = ["up", "fault update a", "up", "mend update a", "up"]
SHOWS = ["partial failure"]

a = Thing("a", size=1 if step == 1 else 2)
Thing("b", of=a.serial, size=1 if step == 1 else 2)
