"""A changed `replacement_trigger` replaces the resource."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "up"]
SHOWS = ["replacement_trigger and replace_with"]

Thing("a", ResourceOptions(replacement_trigger="x" if step < 3 else "y"))
