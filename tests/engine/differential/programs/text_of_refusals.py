"""What a person reads of a preview that failed."""

from lab import Thing

STEPS = ["fault check a it is too small", "text preview"]
SHOWS = ["text output"]

Thing("a", size=0)
