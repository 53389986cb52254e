"""A dynamic resource cannot be imported by its id alone."""

from lab import ResourceOptions, Thing

STEPS = ["import pulumi-python:dynamic/lab:Thing a a-1", "up"]
SHOWS = ["import"]

Thing("a", ResourceOptions(import_="a-1"), size=1)
