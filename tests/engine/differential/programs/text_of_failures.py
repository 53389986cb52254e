"""What a person reads of a run that failed."""

from lab import Thing

STEPS = ["fault check a it is too small", "text preview", "mend check a", "fault create a", "text up"]
SHOWS = ["text output"]

Thing("a", size=0)
