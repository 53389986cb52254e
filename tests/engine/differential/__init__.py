"""Small programs that every engine runs, and what the Pulumi CLI did with each.

`programs/` holds the programs: each names its commands in `STEPS`, and in `SHOWS` the rows of
`docs/engine-semantics.md` that it shows. `lab.py` is the provider they use, a cloud that is a folder. `recorded/` holds
what the CLI did with each. `python -m tests.engine.differential` records it, where the CLI is on PATH.
"""
