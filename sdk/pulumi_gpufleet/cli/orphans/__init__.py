"""`gpufleet orphans`: what runs in the accounts and is in no state."""
