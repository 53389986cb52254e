"""`import TYPE NAME ID` of a dynamic resource, which cannot be read by its id alone."""

STEPS = ["import pulumi-python:dynamic/lab:Thing a a-1"]
SHOWS = ["import"]
