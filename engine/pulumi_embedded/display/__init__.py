"""The output of a deployment: a live table, plain lines, or JSON."""
