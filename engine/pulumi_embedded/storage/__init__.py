"""Files of projects and stacks: Pulumi.yaml, stack config, checkpoints, the journal, locks and secrets."""
