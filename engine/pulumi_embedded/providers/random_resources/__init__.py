"""The resources of the package `random`, for machines without its plugin binary."""
