"""Proves by fault that the money is right: ``make torture``. docs/torture.md explains it."""
