"""Names, keys and values in any script, and empty values."""

from lab import Thing, pulumi

STEPS = ["up", "up", "stack output --json"]
SHOWS = ["values"]

a = Thing(
    "größe-日本",
    size="naïve 🙂",
    map={"ключ": None, "empty": "", "list": [], "nested": {"x": [1.5, True, -2]}},
    big=2**40,
)
pulumi.export("størrelse", a.address)
pulumi.export("nothing", None)
