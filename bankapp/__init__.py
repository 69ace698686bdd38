"""bankapp: a banking REST service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Config


def create_app(config: Config | None = None) -> Flask:
    """Return the application for ``config`` (default: the settings in the environment).

    Raises ConfigError for a missing or invalid setting, and in production when the database does not answer. Only
    ``flask doctor`` runs without it, because it tells why.
    """
    from bankapp import api, cli, db, logging, web
    from bankapp.api import application
    from config import ROOT, Config

    config = config or Config.from_env()
    # The standard output of a command is its result.
    logging.configure(config.log_level, config.log_format, "stderr" if cli.runs() else "stdout")
    if config.tracing_endpoint:
        _start_tracing(config.tracing_endpoint)
    app = application.Flask("bankapp", root_path=str(ROOT), instance_path=str(ROOT / "instance"))
    app.config.from_mapping(config.flask_settings(), BANKAPP=config)
    application.init_app(app)
    db.init_app(app)
    api.init_app(app)
    web.init_app(app)
    cli.init_app(app)
    if config.is_production and not cli.only_diagnoses():
        with app.app_context():
            db.demand_database()
    return app


def _start_tracing(endpoint: str) -> None:
    from bankapp import tracing
    from config import ConfigError

    try:
        tracing.start(endpoint)
    except ImportError as problem:
        raise ConfigError("OTEL_EXPORTER_OTLP_ENDPOINT", "needs the packages of requirements-tracing.txt") from problem
