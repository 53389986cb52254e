"""All that knows Pulumi's plugin server: what it lacks, added in the running process."""
