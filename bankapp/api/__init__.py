"""The REST API: one blueprint per resource, and the hooks that serve all of them."""

from __future__ import annotations

from flask import Flask

from bankapp.api import (
    account_holders,
    accounts,
    audit_logs,
    auth,
    authorizations,
    cards,
    converters,
    cors,
    docs,
    errors,
    events,
    health,
    limits,
    metrics,
    openapi,
    requests,
    second_factors,
    security,
    statement_files,
    statement_records,
    statements,
    transactions,
    transfers,
)
from bankapp.extensions import api

RESOURCES = (
    auth,
    second_factors,
    account_holders,
    accounts,
    transactions,
    transfers,
    cards,
    authorizations,
    statements,
    statement_records,
    statement_files,
    audit_logs,
    events,
    health,
)


def init_app(app: Flask) -> None:
    """Register the API on ``app``. The order matters: the request's context must exist before access is checked."""
    # No redirects for double slashes: clients follow a redirected POST as GET, or not at all.
    app.url_map.merge_slashes = False
    converters.init_app(app)
    cors.init_app(app)
    requests.init_app(app)
    metrics.init_app(app)
    security.init_app(app)
    errors.init_app(app)
    api.init_app(app, spec_kwargs={"info": openapi.INFO, "extra_plugins": [openapi.SchemaRules()]})
    api.ma_plugin.converter.add_attribute_function(openapi.describe_field)
    api.spec.components.security_scheme("bearer", openapi.SECURITY)
    converters.register()
    for resource in RESOURCES:
        api.register_blueprint(resource.blueprint)
    limits.init_app(app)
    docs.init_app(app)
