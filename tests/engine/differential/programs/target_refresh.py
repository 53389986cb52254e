"""`refresh --target` reads what it names, with `--target-dependents` what depends on it too."""

from lab import Thing

STEPS = [
    "up",
    "drift a-1 size=5",
    "drift b-1 size=5",
    "drift d-1 size=5",
    "refresh --target @a",
    "drift a-1 size=6",
    "refresh --target @a --target-dependents",
]
SHOWS = ["targets", "refresh"]

a = Thing("a", size=1)
b = Thing("b", of=a.serial, size=1)
c = Thing("c", of=b.serial)
Thing("d", size=1)
