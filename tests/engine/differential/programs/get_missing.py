"""A resource that is got by an id that is not there is an error."""

from lab import ResourceOptions, Thing

STEPS = ["preview", "up"]
SHOWS = ["reading what is not ours"]

Thing("b", ResourceOptions(id="a-1"), name="a")
