"""`sys.exit(0)` is the end of the program: what it had not declared is deleted. Any other code is a failure."""

import sys

from lab import Thing, step

STEPS = ["up", "preview", "up", "up"]
SHOWS = ["a program that ends early"]

Thing("a")
if step in (2, 3):
    sys.exit(0)
if step == 4:
    sys.exit(3)
Thing("b")
