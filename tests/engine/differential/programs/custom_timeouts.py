"""`custom_timeouts` are kept in the state; a change of them alone is no update."""

from lab import ResourceOptions, Thing, step
from pulumi import CustomTimeouts

STEPS = ["up", "up"]
SHOWS = ["options kept in the state"]

Thing("a", ResourceOptions(custom_timeouts=CustomTimeouts(create="5m", delete="90s")))
Thing("b", ResourceOptions(custom_timeouts=CustomTimeouts(update=f"{step}m")), size=1)
