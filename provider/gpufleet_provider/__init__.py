"""The provider side of pulumi-gpufleet: it runs in Pulumi's plugin process and speaks to the clouds."""

CLOUDS: tuple[str, ...] = ("together", "shadeform")
"""The one list of clouds: each word names a folder beside this file whose package exports `CLOUD`."""

__version__ = "0.1.0"
