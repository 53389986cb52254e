"""`python -m pulumi_embedded`."""

from .cli import main

main(prog_name="pulumi-embedded")
