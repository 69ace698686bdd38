"""Requests made from the OpenAPI document, sent as a customer, an employee or an administrator, and checked.

A wrong answer becomes a finding. One run collects all findings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import schemathesis
from flask import Flask
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks

from tests.support.factories import Bank, Caller, ok

ROLES: Final = ("customer", "staff", "admin")
ENDS_THE_SESSION: Final = {"logout", "revoke_sessions", "revoke_session", "change_password"}
RENEWED_AFTER: Final = 300
"""After how many requests the objects of the bank are new: requests close accounts, and access tokens end."""

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# What is wrong with a request that fits the document: rules that a schema cannot express.
RULES: Final = re.compile(
    r"Not a cursor of this list\."  # A cursor is signed.
    r"|Not a valid IBAN\."  # An IBAN has check digits.
    r"|Not an ISO 4217 currency code\."  # The list of currencies changes; GET /v1/currencies has it.
    r"|Not a valid integer\."  # To a JSON schema 1.0 is an integer; the contract refuses it.
    r"|Must be at (most 150|least 18) years ago\."  # Depends on today.
    r"|Must be at most \d+, the amount on hold\."  # Depends on the authorization.
    r"|Must not lie in the future\."  # Depends on now.
    r"|Must not lie after to\.|(A statement|An insight) covers at most 366 days\."  # Relates two days.
    r"|Must lie in the future, at most \d+ days from now\."  # Depends on now.
    r"|Not a network such as .*|Write an IPv4 network as IPv4\."  # The bits after the prefix must be zero.
    # A URL has more rules than a pattern: host, port, and addresses that are public.
    r"|Must (be a valid URL|be an https URL|begin with https|not contain|have (a valid host|a public|the port)).*"
    r"|Must not have a host that ends in a number\."
    r"|Needs one of counterparty, words, .*"  # A condition may be null.
    r"|Must not be over max_amount\."  # Relates two amounts.
    r"|You have no account .*"  # Depends on the accounts.
    r"|The endpoint does not want .*"  # Depends on the endpoint.
    r"|.* easy to guess\..*"  # Depends on a dictionary of passwords.
)


def valid_data_acceptance(_context: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """Fail when the service calls a request invalid that fits the document.

    It stands for ``positive_data_acceptance``, which calls every 409, 412 and 422 of a business rule a failure.
    """
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    problem = response.json() if response.status_code in (400, 413, 415, 422) else {"code": ""}
    if problem["code"] in ("malformed_request", "validation_error", "payload_too_large", "unsupported_media_type"):
        fields = problem.get("errors", {"": [problem["detail"]]})
        # The fields of a batch that was refused as a whole are the numbers of its transfers.
        reasons = [reason for name, reasons in fields.items() if not name.isdecimal() for reason in reasons]
        if unexpected := [reason for reason in reasons if not RULES.fullmatch(reason)]:
            raise Failure(operation=case.operation.label, title="Valid request refused", message=str(unexpected))


# Left out:
# - positive_data_acceptance: see valid_data_acceptance.
# - use_after_free, ensure_resource_availability: they judge sequences of linked requests, and the document has no
#   links. tests/integration/test_any_sequence.py runs sequences.
# - object_level_authorization: it needs peers that schemathesis signs in. tests/integration/test_access.py asks for
#   every object as everybody else.
CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
    valid_data_acceptance,
    checks.missing_required_header,
    checks.unsupported_method,
    checks.allow_header_conformance,
    checks.ignored_auth,
]


def document(app: Flask) -> Any:
    """Return the OpenAPI document as schemathesis reads it."""
    raw = app.test_client().get("/openapi.json").get_json()
    # The service ignores or replaces a value of these headers that does not fit, so no value is invalid.
    for name in ("X-Request-Id", "X-Device-Id"):
        for parameter in _parameters(raw, name):
            parameter["schema"] = {"type": "string"}
    schema = schemathesis.openapi.from_dict(raw)
    schema.app = app
    schema.config.checks.missing_required_header.expected_statuses = ["428"]
    return schema


def _parameters(node: Any, name: str) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get("name") == name and node.get("in") == "header":
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _parameters(inner, name)


class World:
    """An application, signed-in callers, and objects of theirs that requests can name."""

    def __init__(self, app: Flask) -> None:
        self.bank = Bank(app)
        self.statuses: Counter[int] = Counter()
        self.findings: dict[str, str] = {}
        self._renew()

    def _renew(self) -> None:
        ada = self.bank.customer()
        self.callers = {"customer": ada, "staff": self.bank.employee("staff"), "admin": self.bank.employee("admin")}
        source, target = ada.account(balance=10**12), ada.account()
        card = ada.card(source)
        self.ids = {
            "account_id": source["id"],
            "from_account_id": source["id"],
            "to_account_id": target["id"],
            "card_id": card["id"],
            "authorization_id": ada.hold(card, 100)["id"],
            "account_holder_id": ok(ada.get("/account-holders/me"))["id"],
            "transfer_id": ok(ada.transfer(source, target, 5), 201)["id"],
            "transaction_id": ok(ada.get("/transactions?limit=1"))["items"][0]["id"],
        }

    def send(self, case: schemathesis.Case, role: str, *, real: bool) -> None:
        """Send a request and check its answer; ``real`` puts ids of existing objects where the request has ids."""
        if self.statuses.total() % RENEWED_AFTER == RENEWED_AFTER - 1:
            self._renew()
        if real:
            for part in (case.path_parameters, case.query, case.body):
                self._name_real_things(part)
        caller = self._caller(case.operation.definition.raw["operationId"], role)
        headers = {"Authorization": f"Bearer {caller.tokens['access_token']}"}
        response = case.call(headers=headers)
        self.statuses[response.status_code] += 1
        try:
            case.validate_response(response, CHECKS, headers=headers, transport_kwargs={"headers": headers})
        except FailureGroup as failures:
            for failure in failures.exceptions:
                request = f"{case.as_curl_command(headers)}\n{response.status_code} {response.content[:500]!r}"
                name = f"{case.operation.label}: {failure.title}: {failure.message}"
                self.findings.setdefault(name, f"as {role}: {request}")

    def _caller(self, operation_id: str, role: str) -> Caller:
        if operation_id not in ENDS_THE_SESSION:
            return self.callers[role]
        return self.bank.customer() if role == "customer" else self.bank.employee(role)

    def _name_real_things(self, part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                self._name_real_things(item)
        if isinstance(part, dict):
            for name, value in part.items():
                # An invalid value stays: it may be what makes this request invalid.
                if name in self.ids and isinstance(value, str) and UUID.fullmatch(value):
                    part[name] = self.ids[name]
                else:
                    self._name_real_things(value)
