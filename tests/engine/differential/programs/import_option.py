"""A dynamic resource with the option `import_` fails, because it cannot be read by its id alone."""

from lab import ResourceOptions, Thing, step

STEPS = ["up", "up"]
SHOWS = ["import"]

if step == 2:
    Thing("a", ResourceOptions(import_="a-1"), size=1)
