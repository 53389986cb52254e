"""What a person reads of a replacement."""

from lab import Thing, pulumi, step

STEPS = ["up", "text preview", "text up"]
SHOWS = ["text output"]

a = Thing("a", size=step, zone="x" if step < 2 else "y")
Thing("b", of=a.serial)
pulumi.export("address", a.address)
