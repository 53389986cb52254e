"""What a person reads of a preview, an update, a refresh and a destroy."""

from lab import Output, Thing, pulumi, step

STEPS = [
    "text preview",
    "text up",
    "text preview",
    "text up",
    "text refresh",
    "drift b-1 of=5",
    "text refresh",
    "text up --refresh",
    "text up",
    "text destroy",
]
SHOWS = ["text output"]

a = Thing("a", size=1 if step < 3 else 2)
Thing("b", of=a.serial)
pulumi.export("address", a.address)
pulumi.export("word", Output.secret("hush"))
if step >= 9:
    pulumi.export("size", a.size)
