"""A banking REST service on Flask."""
