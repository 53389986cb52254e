"""A resource that was declared with `retain_on_delete` is dropped from the state alone."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "destroy"]
SHOWS = ["retain_on_delete"]

if step == 1:
    Thing("a", ResourceOptions(retain_on_delete=True))
Thing("b", ResourceOptions(retain_on_delete=True))
