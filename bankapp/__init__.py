"""bankapp: a banking REST service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Config


def create_app(config: Config | None = None) -> Flask:
    """Return the application for ``config`` (default: what the environment says).

    Raises ConfigError for a setting that is missing or cannot be understood, and when production
    cannot reach its database.
    """
    from bankapp import api, cli, db, logging, web
    from bankapp.api import application
    from config import ROOT, Config

    config = config or Config.from_env()
    logging.configure(config.log_level, config.log_format)
    app = application.Flask("bankapp", root_path=str(ROOT), instance_path=str(ROOT / "instance"))
    app.config.from_mapping(config.flask_settings(), BANKAPP=config)
    application.init_app(app)
    db.init_app(app)
    api.init_app(app)
    web.init_app(app)
    cli.init_app(app)
    if config.is_production:
        with app.app_context():
            db.demand_database()
    return app
