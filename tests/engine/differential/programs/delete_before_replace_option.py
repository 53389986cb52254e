"""The option `delete_before_replace` makes any replacement delete first."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "destroy"]
SHOWS = ["replacement, delete first"]
ORDERED = True

a = Thing("a", ResourceOptions(delete_before_replace=True), zone=str(step))
Thing("b", of=a.serial)
