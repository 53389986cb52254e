"""`stack init`, `ls`, `rename`, `rm`, and a stack's tags."""

from lab import Thing

STEPS = [
    "up",
    "stack ls --json",
    "stack rename next",
    "preview --stack next",
    "stack rm next --yes",
    "stack rm next --yes --force",
    "stack ls --json",
]
SHOWS = ["commands on stacks"]

Thing("a")
