"""`gpufleet orphans`: what runs in the accounts and stands in no state."""
