"""`options: refresh: always` in Pulumi.yaml refreshes before every update."""

from lab import Thing

STEPS = ["up", "drift a-1 size=5", "preview", "up"]
SHOWS = ["refresh", "keys of Pulumi.yaml"]
PROJECT = {"options": {"refresh": "always"}}

Thing("a", size=1)
