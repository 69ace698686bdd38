"""bankapp: a banking REST service."""

from __future__ import annotations

from flask import Flask, appcontext_pushed

from bankapp import context, database, errors, logging, probes
from bankapp.extensions import db, migrate
from config import ROOT, Config, ConfigError


def create_app(config: Config | None = None) -> Flask:
    """Return the application for ``config`` (default: what the environment says).

    Raises ConfigError for a setting that is missing or cannot be understood, and when production
    cannot reach its database.
    """
    from bankapp import api, cli

    config = config or Config.from_env()
    logging.configure(config.log_level, config.log_format)
    app = Flask("bankapp", root_path=str(ROOT), instance_path=str(ROOT / "instance"))
    app.config.from_mapping(config.flask_settings(), BANKAPP=config)
    appcontext_pushed.connect(_use_config, app)
    database.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    api.init_app(app)
    cli.init_app(app)
    if config.is_production:
        _check_database(app)
    return app


def _check_database(app: Flask) -> None:
    with app.app_context():
        if database.is_sqlite():
            app.logger.warning("production on SQLite: one machine only, and one writer at a time")
        try:
            probes.ping(create=True)
        except errors.Unavailable as problem:
            cause = str(getattr(problem.__cause__, "orig", None) or problem)
            raise ConfigError("DATABASE_URL", f"names a database that does not answer: {_line(cause)}") from problem


def _line(text: str) -> str:
    return " ".join(text.split())


def _use_config(app: Flask, **_: object) -> None:
    context.use_config(app.config["BANKAPP"])
