"""`together:Cluster`: a GPU cluster on Together."""
