"""The demo pages: a public shell, and pages rendered for the signed-in user.

The shell (``/app/…``) holds the tokens in the memory of its scripts. It fetches the page of the same name
(``/pages/…``) with the access token in a header. There are no cookies.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from bankapp.web import (
    accounts,
    activity,
    api_keys,
    cards,
    cash,
    customers,
    developers,
    display,
    events,
    insights,
    locales,
    movements,
    news,
    overview,
    pages,
    payees,
    security,
    shell,
    statements,
    transfers,
    webhook_endpoints,
    zones,
)

blueprint = Blueprint("web", __name__)
blueprint.after_request(pages.protect)
for part in (
    shell,
    overview,
    news,
    accounts,
    movements,
    insights,
    transfers,
    payees,
    cash,
    cards,
    statements,
    security,
    activity,
    customers,
    developers,
    api_keys,
    webhook_endpoints,
    events,
):
    blueprint.register_blueprint(part.blueprint)


def init_app(app: Flask) -> None:
    """Serve the pages on ``app``."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(display.FILTERS)
    app.jinja_env.globals["time_zone"] = zones.zone
    app.jinja_env.globals["decimal_point"] = locales.decimal_point
    app.register_blueprint(blueprint)
