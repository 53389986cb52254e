"""What runs in the accounts, and which stacks and states know of it."""
