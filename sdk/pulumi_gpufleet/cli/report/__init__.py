"""`gpufleet report`: what a preview changes, what it risks, and what it costs."""
