"""Together: GPU clusters, and the regions that have them."""
