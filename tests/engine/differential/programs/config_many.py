"""`config set-all`, `config rm-all`, `up --config`."""

from lab import Thing, pulumi

STEPS = [
    "config set-all --plaintext a=1 --plaintext b=2 --secret c=3",
    "config rm-all a b",
    "up --config d=4",
    "config get d",
    "config get nobody",
]
SHOWS = ["config"]

Thing("a", size=pulumi.Config().get("d"))
