"""What a run shows: a live table, plain lines, or JSON events."""
