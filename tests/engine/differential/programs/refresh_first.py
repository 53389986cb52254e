"""`up --refresh` and `preview --refresh` read before they compare."""

from lab import Thing

STEPS = ["up", "drift a-1 size=5", "gone b-1", "preview --refresh", "up --refresh", "destroy --refresh"]
SHOWS = ["refresh"]

Thing("a", size=1)
Thing("b")
