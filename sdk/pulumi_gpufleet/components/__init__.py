"""Components: several resources declared as one."""

from pulumi_gpufleet.components.fleet import Fleet

__all__ = ["Fleet"]
