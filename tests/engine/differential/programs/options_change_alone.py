"""A change of options alone is stored without an operation."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "up"]
SHOWS = ["options kept in the state"]

Thing("a", ResourceOptions(protect=step == 2, retain_on_delete=step == 2))
b = Thing("b")
Thing("c", ResourceOptions(depends_on=[b] if step == 2 else []))
