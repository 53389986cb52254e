"""Writes the SDK's generated files from the bodies: `python -m gpufleet_provider.generate [--check]`."""
