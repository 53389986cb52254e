"""What is built of several resources."""

from pulumi_gpufleet.components.fleet import Fleet

__all__ = ["Fleet"]
