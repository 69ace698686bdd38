"""The queries: one module per resource. No module decides, opens a transaction or commits."""
