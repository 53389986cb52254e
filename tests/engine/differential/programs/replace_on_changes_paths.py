"""Paths with indices, wildcards and keys in `replace_on_changes`."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up", "preview", "up"]
SHOWS = ["paths of properties", "replace_on_changes"]

rows = [{"image": "i", "note": "n"}, {"image": "i", "note": "n"}]
rows[1]["note" if step < 4 else "image"] = "first" if step == 1 else "second"
Thing("a", ResourceOptions(replace_on_changes=["rows[*].image", 'map["a.b"]', "rows[0].note"]), rows=rows)
Thing("b", ResourceOptions(replace_on_changes=["*"]), size=1 if step < 4 else 2)
Thing("c", ResourceOptions(replace_on_changes=['map["a.b"]']), map={"a.b": 1 if step < 4 else 2, "c": step})
