"""`--exclude` leaves out what it names, with `--exclude-dependents` what depends on it too."""

from lab import Thing, step

STEPS = ["up", "preview --exclude @a", "up --exclude @a", "up --exclude @a --exclude-dependents", "up"]
SHOWS = ["targets"]

a = Thing("a", size=step)
b = Thing("b", of=a.serial, size=step)
Thing("c", size=step)
