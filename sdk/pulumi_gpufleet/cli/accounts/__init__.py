"""What the command line knows of accounts: what runs in them, and which states hold it."""
