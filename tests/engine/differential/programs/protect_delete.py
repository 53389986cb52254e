"""A protected resource that is dropped is refused, until it is unprotected."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up", "destroy", "up", "up"]
SHOWS = ["protect"]

if step not in (2, 3, 6):
    Thing("a", ResourceOptions(protect=step != 5))
Thing("b")
