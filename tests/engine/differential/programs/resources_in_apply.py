"""A resource that is declared in an `apply` is not in the first preview."""

from lab import Output, Thing, pulumi

STEPS = ["preview", "up", "preview"]
SHOWS = ["unknown values"]

a = Thing("a")
a.serial.apply(lambda serial: Thing(f"b{serial}"))
pulumi.export("both", Output.all(a.serial, a.address).apply(lambda both: f"{both[0]} at {both[1]}"))
