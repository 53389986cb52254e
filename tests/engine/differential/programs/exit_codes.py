"""Exit codes of what a user gets wrong."""

from lab import Thing, step

STEPS = [
    "preview --expect-no-changes",
    "up --expect-no-changes",
    "preview --expect-no-changes",
    "up --stack nobody",
    "bare up",
    "stack select nobody",
    "up --no-such-flag",
    "no-such-command",
    "stack rm nobody --yes",
    "config get nobody",
    "stack init dev",
]
SHOWS = ["exit codes"]

Thing("a", size=step)
