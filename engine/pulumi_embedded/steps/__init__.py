"""The steps of a deployment: which ones bring each resource from its old state to its goal, and what each does."""
