"""Use cases, one module per resource, functions named by verb. Nothing here knows HTTP or SQL."""
