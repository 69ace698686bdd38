"""The demo command line, a client of the REST API like any other: ``python -m bankapp.client``.

It imports nothing of the server. ``api`` speaks HTTP, ``session`` holds the sign-in, ``orders``
carries out what moves money, ``store`` keeps files, ``output`` prints, ``steps`` reads run files,
``commands`` has one module for each family of commands.
"""
