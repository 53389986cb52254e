"""GPU clusters as typed Pulumi resources: `from pulumi_gpufleet import together, shadeform`."""
