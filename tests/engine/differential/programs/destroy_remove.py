"""`destroy --remove` removes the stack too."""

from lab import Thing

STEPS = ["up", "destroy --remove"]
SHOWS = ["destroy"]

Thing("a")
