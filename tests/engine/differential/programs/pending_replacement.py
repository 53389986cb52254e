"""A delete-first replacement whose create fails is pending, and the next update makes the resource anew."""

from lab import Thing, step

STEPS = ["up", "fault create a", "up", "preview", "mend create a", "up"]
SHOWS = ["replacement, pending after a failed create"]

a = Thing("a", disk="x" if step == 1 else "y")
Thing("b", disk=a.address)
