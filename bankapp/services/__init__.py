"""Use cases: one module per resource, with functions named by verbs. No module depends on HTTP or SQL."""
