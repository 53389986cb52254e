"""A change of a property that `replace_on_changes` names replaces the resource."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up", "up"]
SHOWS = ["replace_on_changes"]

Thing("a", ResourceOptions(replace_on_changes=["size"]), size=1 if step == 1 else 2, note=str(step > 3))
