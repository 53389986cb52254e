"""A thing is created, found the same, updated in place, and deleted when it is dropped."""

from lab import Thing, pulumi, step

STEPS = ["preview", "up", "up", "preview --diff", "up", "up"]
SHOWS = ["create, same, update, delete"]

if step < 6:
    a = Thing("a", size=1 if step < 4 else 2)
    b = Thing("b", of=a.serial)
    pulumi.export("address", a.address)
