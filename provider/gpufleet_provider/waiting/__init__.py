"""Waiting: one poll for everything that waits on an account."""
