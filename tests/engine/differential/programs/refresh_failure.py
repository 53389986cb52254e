"""A read that fails leaves the state as it was, and the others are read."""

from lab import Thing

STEPS = ["up", "drift a-1 size=5", "fault read b", "refresh", "mend read b", "refresh"]
SHOWS = ["refresh", "partial failure"]

Thing("a", size=1)
Thing("b", size=1)
