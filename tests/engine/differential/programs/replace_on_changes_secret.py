"""A change of a secret that `replace_on_changes` names replaces the resource."""

from lab import Output, ResourceOptions, Thing, step

STEPS = ["up", "up"]
SHOWS = ["replace_on_changes"]

Thing("a", ResourceOptions(replace_on_changes=["word"]), word=Output.secret(f"w{step}"))
