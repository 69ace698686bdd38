"""The REST API: one blueprint per resource, and the hooks that serve all of them."""

from __future__ import annotations

from flask import Flask

from bankapp.api import (
    account_holders,
    accounts,
    api_keys,
    audit_logs,
    auth,
    authorizations,
    cards,
    category_rules,
    converters,
    cors,
    docs,
    error_page,
    errors,
    events,
    health,
    insights,
    limits,
    metrics,
    openapi,
    payee_verifications,
    payees,
    requests,
    second_factors,
    security,
    statement_files,
    statement_records,
    statements,
    transaction_annotations,
    transaction_files,
    transactions,
    transfers,
    webhook_endpoints,
)
from bankapp.extensions import api
from bankapp.schemas.events import Event
from bankapp.schemas.layout import json_of
from bankapp.services import webhook_payloads

RESOURCES = (
    auth,
    second_factors,
    api_keys,
    account_holders,
    accounts,
    transactions,
    transaction_files,
    transaction_annotations,
    category_rules,
    insights,
    transfers,
    payees,
    payee_verifications,
    cards,
    authorizations,
    statements,
    statement_records,
    statement_files,
    audit_logs,
    events,
    webhook_endpoints,
    health,
)


def init_app(app: Flask) -> None:
    """Register the API on ``app``. The order matters: the hooks run in the order in which they are registered.

    The request's context must exist before access is checked, and the limiter's own hook, which resets the limits of
    the request, must run before an API key is counted.
    """
    # No redirects for double slashes: clients follow a redirected POST as GET, or not at all.
    app.url_map.merge_slashes = False
    converters.init_app(app)
    cors.init_app(app)
    requests.init_app(app)
    metrics.init_app(app)
    limits.init_app(app)
    security.init_app(app)
    errors.init_app(app)
    api.init_app(app, spec_kwargs={"info": openapi.INFO, "extra_plugins": [openapi.SchemaRules()]})
    api.ma_plugin.converter.add_attribute_function(openapi.describe_field)
    for name, scheme in openapi.SECURITY_SCHEMES.items():
        api.spec.components.security_scheme(name, scheme)
    converters.register()
    for resource in RESOURCES:
        api.register_blueprint(resource.blueprint)
    webhook_payloads.render_with(json_of(Event()))
    docs.init_app(app)
    error_page.init_app(app)
