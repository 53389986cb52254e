"""The command line: what a user types, and what each command does."""
