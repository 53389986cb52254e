"""An alias of what is not there is no error; one URN twice is."""

from lab import Alias, ResourceOptions, Thing, step

STEPS = ["up", "up"]
SHOWS = ["aliases", "one URN, one resource"]

Thing("a", ResourceOptions(aliases=[Alias(name="never")]))
if step == 2:
    Thing("a")
