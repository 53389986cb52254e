"""Waiting: one poll for everything that waits for resources of one kind in one account."""
