"""A protected resource is not replaced."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up", "state unprotect @a --yes", "up"]
SHOWS = ["protect"]

a = Thing("a", ResourceOptions(protect=True), zone="x" if step == 1 else "y")
Thing("b", of=a.address)
