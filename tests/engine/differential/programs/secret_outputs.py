"""`stack output` hides secrets in every form without `--show-secrets`."""

from lab import Output, pulumi

STEPS = [
    "up",
    "stack output",
    "stack output word",
    "stack output word --show-secrets",
    "stack output --json",
    "stack output nested --json",
    "stack output --json --show-secrets",
    "stack output missing",
]
SHOWS = ["secrets"]

pulumi.export("word", Output.secret("hush"))
pulumi.export("nested", {"deep": [Output.secret("hush")], "open": 1})
pulumi.export("open", {"a": [1, True]})
