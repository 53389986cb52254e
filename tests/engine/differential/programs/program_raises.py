"""A program that raises changes nothing that it had not declared."""

from lab import Thing, pulumi, step

STEPS = ["up", "preview", "up", "up", "up", "up"]
SHOWS = ["a program that fails"]


class Own(Exception):
    pass


Thing("a")
if step == 2 or step == 3:
    raise ValueError("no luck")
if step == 4:
    raise pulumi.RunError("the reason")
if step == 5:
    error = Own("its own cause")
    error.__cause__ = error
    raise error
if step == 1:
    Thing("b")
