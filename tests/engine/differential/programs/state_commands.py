"""`state` protects, taints, renames and deletes."""

from lab import ResourceOptions, Thing, step

STEPS = [
    "up",
    "state protect @a --yes",
    "up --target @a",
    "state unprotect @a --yes",
    "state taint @b --yes",
    "preview",
    "state untaint @b --yes",
    "state rename @b c --yes",
    "state delete @a --yes",
    "state delete @nobody --yes",
]
SHOWS = ["commands on the state"]

a = Thing("a", ResourceOptions(protect=True) if step == 3 else None)
Thing("b")
