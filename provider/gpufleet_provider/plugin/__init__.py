"""Everything that knows Pulumi's plugin server, and adds to the running process what the stock server lacks."""
