"""`up --replace` replaces what did not change, and `--target-replace` that alone."""

from lab import Thing, step

STEPS = ["up", "preview --replace @a", "up --replace @a", "up --target-replace @b"]
SHOWS = ["--replace and --target-replace"]

a = Thing("a", size=1 if step < 4 else 2)
Thing("b", of=a.address)
Thing("c")
