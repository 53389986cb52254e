"""An input that the provider refuses fails the preview."""

from lab import Thing

STEPS = ["fault check a it is too small", "preview", "up", "mend check a", "up"]
SHOWS = ["partial failure"]

Thing("a", size=0)
