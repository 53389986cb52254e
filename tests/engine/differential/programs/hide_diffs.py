"""`hide_diffs` hides a property's diff, not its change."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up"]
SHOWS = ["paths of properties", "hide_diffs"]

Thing("a", ResourceOptions(hide_diffs=["size", "rows[*].image"]), size=step, rows=[{"image": step, "note": step}])
