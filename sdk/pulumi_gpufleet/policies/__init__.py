"""Rules for fleets: what they may cost, where and on what they may run, and what may not be lost."""
