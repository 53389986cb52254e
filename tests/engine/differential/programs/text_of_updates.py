"""What a person reads of a preview, an update, a replacement and a destroy."""

from lab import Output, Thing, pulumi, step

STEPS = ["text preview", "text up", "text preview", "text up", "text up", "text refresh", "text destroy"]
SHOWS = ["text output"]

a = Thing("a", size=1 if step < 3 else 2, zone="x" if step < 5 else "y")
Thing("b", of=a.serial)
pulumi.export("address", a.address)
pulumi.export("word", Output.secret("hush"))
