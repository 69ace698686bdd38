"""Every query, one module per resource. Nothing here decides, opens a transaction or commits."""
