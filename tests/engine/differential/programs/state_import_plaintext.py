"""What is exported with its secrets in plain is encrypted again by the import."""

from lab import Output, Thing, pulumi

STEPS = ["up", "stack export --show-secrets --file all.json", "stack import --file all.json", "preview"]
SHOWS = ["secrets", "stack export and import"]

a = Thing("a", word=Output.secret("hush"))
pulumi.export("word", Output.secret("hush"))
