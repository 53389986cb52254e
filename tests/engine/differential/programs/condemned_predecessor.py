"""A replaced resource whose delete fails stays to be deleted, which the next update does."""

from lab import Thing, step

STEPS = ["up", "fault delete a", "up", "mend delete a", "up"]
SHOWS = ["replacement, failed deletion of the predecessor"]

Thing("a", zone="x" if step == 1 else "y")
