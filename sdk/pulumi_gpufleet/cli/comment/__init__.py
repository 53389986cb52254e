"""`gpufleet comment`: a report as a comment on a pull request or merge request."""
