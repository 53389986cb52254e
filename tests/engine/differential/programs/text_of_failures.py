"""What a person reads of an update that failed."""

from lab import Thing

STEPS = ["fault create a it is too small", "text up"]
SHOWS = ["text output"]

Thing("a", size=0)
