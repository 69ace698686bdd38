"""bankapp: a banking REST service."""

from __future__ import annotations

from flask import Flask, appcontext_pushed

from bankapp import context, database, logging
from bankapp.extensions import db, migrate
from config import ROOT, Config


def create_app(config: Config | None = None) -> Flask:
    """Return the application for ``config`` (default: what the environment says).

    Raises ConfigError for a setting that is missing or cannot be understood, and Unavailable when
    production cannot reach its database.
    """
    from bankapp import api, cli, web

    config = config or Config.from_env()
    logging.configure(config.log_level, config.log_format)
    app = Flask("bankapp", root_path=str(ROOT), instance_path=str(ROOT / "instance"))
    app.config.from_mapping(config.flask_settings(), BANKAPP=config)
    appcontext_pushed.connect(_use_config, app)
    database.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    api.init_app(app)
    web.init_app(app)
    cli.init_app(app)
    return app


def _use_config(app: Flask, **_: object) -> None:
    context.use_config(app.config["BANKAPP"])
