"""On PYTHONPATH of a run: its plugin takes the stock server for one of an unknown shape, and leaves it as it is."""

import sys

if "pulumi.dynamic" in sys.orig_argv:
    from gpufleet_provider.plugin import upgrade

    upgrade._recognised = lambda main: None
