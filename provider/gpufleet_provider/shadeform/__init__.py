"""Shadeform: GPU clusters of many clouds, and what they offer."""
