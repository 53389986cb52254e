"""A refresh takes what the cloud says into the state; the next update makes it as declared."""

from lab import Thing

STEPS = ["up", "drift a-1 size=5", "refresh --preview-only", "refresh", "up"]
SHOWS = ["refresh"]

a = Thing("a", size=1)
Thing("b", of=a.serial)
