"""`destroy --exclude` and `destroy --exclude-protected` leave out what they say."""

from lab import ResourceOptions, Thing

STEPS = ["up", "destroy --exclude @b", "destroy --exclude-protected"]
SHOWS = ["targets", "protect", "destroy"]

a = Thing("a")
b = Thing("b", of=a.serial)
Thing("c", ResourceOptions(protect=True), of=b.serial)
Thing("d")
Thing("e", of=a.serial)
