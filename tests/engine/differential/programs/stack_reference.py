"""Outputs of another stack, and of one that is not there."""

from lab import Output, pulumi, step

STEPS = ["salt other", "up", "stack init other", "up --stack other", "up --stack other"]
SHOWS = ["stack references"]

if pulumi.get_stack() == "dev":
    pulumi.export("word", Output.secret("hush"))
    pulumi.export("open", 1)
else:
    dev = pulumi.StackReference("organization/lab/dev" if step == 3 else "organization/lab/nobody")
    pulumi.export("open", dev.get_output("open"))
    pulumi.export("word", dev.get_output("word"))
