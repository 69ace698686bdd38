"""The demo command line: ``python -m bankapp.client``. It is an ordinary client of the REST API.

It imports nothing of the server. ``api`` sends HTTP requests, ``session`` holds the sign-in, ``orders``
sends requests that move money, ``store`` keeps files, ``output`` prints, ``steps`` reads run files.
``commands`` has one module for each group of commands.
"""
