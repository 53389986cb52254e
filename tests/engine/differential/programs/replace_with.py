"""A resource is replaced with those that `replace_with` names."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up"]
SHOWS = ["replacement_trigger and replace_with"]

a = Thing("a", zone="x" if step == 1 else "y")
Thing("b", ResourceOptions(replace_with=[a]))
Thing("c")
