"""Runs a Pulumi program where there is no Pulumi CLI: the same protocol, the same plugins, the same state."""
