"""What stands on disk: projects, stack configuration, checkpoints, the journal, locks and secrets."""
