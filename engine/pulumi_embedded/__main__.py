"""`python -m pulumi_embedded`."""

from pulumi_embedded.commands.main import main

main(prog_name="pulumi-embedded")
