"""The demo pages: a shell that anybody may load, and pages rendered for the owner of the token that asks.

The shell (``/app/…``) holds the tokens in its own memory. It fetches the page of the same name
(``/pages/…``) with the token in a header, so there is neither a cookie nor a session here.
"""

from __future__ import annotations

from flask import Blueprint, Flask

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

blueprint = Blueprint("web", __name__)
blueprint.after_request(pages.protect)
for part in (shell, overview, accounts, transfers, cash, cards, statements, security, activity, customers):
    blueprint.register_blueprint(part.blueprint)


def init_app(app: Flask) -> None:
    """Serve the pages on ``app``."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(display.FILTERS)
    app.register_blueprint(blueprint)
