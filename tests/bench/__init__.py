"""Measures, side by side in one run: `make bench`, or `python -m tests.bench --help`. No test: nothing here asserts."""
