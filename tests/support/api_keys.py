"""API keys for tests, made over HTTP as a customer makes them."""

from __future__ import annotations

from typing import Any

from bankapp import clock
from bankapp.endpoints import Scope
from tests.support import clocks
from tests.support.factories import PASSWORD, Bank, Caller, ok

ALL_SCOPES = [scope.value for scope in Scope]


def order(**changes: Any) -> dict[str, Any]:
    """Return the body that makes a key with every scope, for thirty days."""
    body = {"name": "Payroll", "scopes": ALL_SCOPES, "expires_at": clock.to_text(clocks.ago(days=-30))}
    return body | {"password": PASSWORD} | changes


def make(owner: Caller, **changes: Any) -> dict[str, Any]:
    """Make a key of ``owner`` and return the answer, which has the secret."""
    return dict(ok(owner.post("/api-keys", order(**changes)), 201))


def bearer(bank: Bank, key: dict[str, Any], **headers: str) -> Caller:
    """Return a caller that sends the secret of ``key``."""
    return Caller(bank.app.test_client(), tokens={"access_token": key["secret"]}, headers=headers)
