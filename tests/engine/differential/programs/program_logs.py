"""What a program prints and logs."""

from lab import Thing, pulumi

STEPS = ["preview", "up"]
SHOWS = ["messages"]

a = Thing("a")
pulumi.log.info("something to know", a)
pulumi.log.warn("something to mind")
pulumi.log.debug("something for later")
print("said aloud")
