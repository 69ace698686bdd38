"""Wire shapes, one module per resource: what comes in is validated here, what goes out is laid out here."""
