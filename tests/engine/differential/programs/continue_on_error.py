"""With `--continue-on-error`, everything that does not depend on the failure goes on."""

from lab import Thing

STEPS = [
    "fault create a",
    "up --continue-on-error",
    "mend create a",
    "up",
    "fault delete c",
    "destroy --continue-on-error",
]
SHOWS = ["partial failure"]

a = Thing("a")
Thing("b", of=a.serial)
Thing("c")
d = Thing("d")
