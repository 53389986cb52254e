"""`gpufleet import`: writes a program and an import file for what already runs."""
