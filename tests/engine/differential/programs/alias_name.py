"""A resource that an alias names before is the same."""

from lab import Alias, ResourceOptions, Thing, step

STEPS = ["up", "preview", "up", "up"]
SHOWS = ["aliases"]

if step == 1:
    Thing("a", size=1)
else:
    Thing("b", ResourceOptions(aliases=[Alias(name="a")]), name="a", size=2 if step == 4 else 1)
