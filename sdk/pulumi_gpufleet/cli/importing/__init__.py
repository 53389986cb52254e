"""`gpufleet import`: the program and the import file for what already runs."""
