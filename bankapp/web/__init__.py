"""The demo pages: a shell that anybody may load, and pages rendered for the owner of the token that asks.

The shell (``/app/…``) holds the tokens in its own memory. It fetches the page of the same name
(``/pages/…``) with the token in a header, so there is neither a cookie nor a session here.
"""

from __future__ import annotations

from flask import Flask

from bankapp.endpoints import public
from bankapp.web import (
    accounts,
    activity,
    cards,
    cash,
    customers,
    display,
    overview,
    pages,
    security,
    shell,
    statements,
    transfers,
)

PAGES = (overview, accounts, transfers, cash, cards, statements, security, activity, customers)


def init_app(app: Flask) -> None:
    """Serve the pages, and the files they are made of, on ``app``."""
    public(app.view_functions["static"])
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(display.FILTERS)
    app.register_blueprint(shell.blueprint)
    for page in PAGES:
        app.register_blueprint(page.blueprint)
    app.after_request_funcs.setdefault(shell.blueprint.name, []).append(pages.protect)
