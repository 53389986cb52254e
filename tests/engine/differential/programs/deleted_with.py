"""What is deleted with another resource is not deleted by itself, unless that one stays."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "destroy"]
SHOWS = ["deleted_with"]

a = Thing("a")
Thing("b", ResourceOptions(deleted_with=a))
if step == 1:
    Thing("c", ResourceOptions(deleted_with=a))
