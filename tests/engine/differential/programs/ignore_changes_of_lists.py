"""`ignore_changes` with a wildcard, of a list that grows and shrinks."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "preview", "up", "up", "up"]
SHOWS = ["paths of properties", "ignore_changes"]

count = {1: 2, 2: 3, 3: 3, 4: 1, 5: 2}[step]
rows = [{"image": f"i{step}", "size": step} for _ in range(count)]
Thing("a", ResourceOptions(ignore_changes=["rows[*].image"]), rows=rows)
