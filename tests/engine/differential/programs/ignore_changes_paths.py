"""Indices, keys, and paths that lead nowhere in `ignore_changes`."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up", "up"]
SHOWS = ["paths of properties", "ignore_changes"]

Thing(
    "a",
    ResourceOptions(ignore_changes=["rows[0]", 'map["a.b"]', "map.c"]),
    rows=[step, step],
    map={"a.b": step, "c": step},
)
Thing("b", ResourceOptions(ignore_changes=["map.*"]), map={"x": step, "y": {"z": step}})
Thing("c", ResourceOptions(ignore_changes=["*"]), size=step, **({"new": 1} if step > 1 else {}))
Thing("d", ResourceOptions(ignore_changes=["gone", "added"]), **({"gone": 1} if step == 1 else {"added": 1}))
Thing("e", ResourceOptions(ignore_changes=["missing.deeper", "size[0]"]), size=step)
