"""`stack history --json` lists what was done."""

from lab import Thing, step

STEPS = ["up --message first", "fault update a", "up", "destroy --message last", "stack history --json"]
SHOWS = ["commands on stacks"]

Thing("a", size=step)
