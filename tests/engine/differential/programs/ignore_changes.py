"""A change of a property that `ignore_changes` names is none."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "up"]
SHOWS = ["ignore_changes"]

Thing("a", ResourceOptions(ignore_changes=["size"]), size=step, note="x" if step < 3 else "y")
