"""Access rules: each route has a row in a table, and each kind of caller calls it.

A new route needs a row: `Row("POST", "/v1/things/<id:thing_id>/lift", STAFF)`, and a body when the route takes one. A
new kind of path argument needs a method of ``World`` that makes it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from schwifty import IBAN

from bankapp import clock
from tests.support import clocks
from tests.support.factories import PASSWORD, PERSON, Bank, Caller, ok, unique_email

CALLERS = ("anonymous", "owner", "other", "staff", "admin")
_numbers = itertools.count(1)
Outcomes = tuple[int, int, int, int, int]

# The status for each of CALLERS; 0 stands for the row's status of success.
PUBLIC: Outcomes = (0, 0, 0, 0, 0)
SIGNED_IN: Outcomes = (401, 0, 0, 0, 0)
READ: Outcomes = (401, 0, 404, 0, 0)
"""For the owner, and for staff with an audit row."""
OWN: Outcomes = (401, 0, 404, 404, 404)
"""For the owner only: staff read a customer's objects but do not change them."""
STAFF: Outcomes = (401, 403, 403, 0, 0)


class World:
    """The bank, its callers, and methods that make each kind of object for the owner."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.people = {name: self.newcomer(name) for name in CALLERS}
        self.owner = self.people["owner"]

    def newcomer(self, name: str) -> Caller:
        if name == "anonymous":
            return self.bank.anonymous()
        return self.bank.employee(name) if name in ("staff", "admin") else self.bank.customer()

    def account(self, balance: int = 0) -> dict[str, Any]:
        return self.owner.account(balance=balance)

    def account_id(self) -> str:
        return str(self.account()["id"])

    def old_account_id(self) -> str:
        account = self.account()
        with clocks.at(clocks.ago(days=40)):
            self.owner.deposit(account, 1)
        return str(account["id"])

    def frozen_account_id(self) -> str:
        account_id = self.account_id()
        ok(self.people["staff"].post(f"/accounts/{account_id}/freeze"))
        return account_id

    def account_holder_id(self) -> str:
        return str(ok(self.owner.get("/account-holders/me"))["id"])

    def transaction_id(self) -> str:
        return str(self.owner.deposit(self.account(), 100)["id"])

    def transfer_id(self) -> str:
        return str(ok(self.owner.transfer(self.account(100), self.account(), 100), 201)["id"])

    def card_id(self) -> str:
        body = {"account_id": self.account_id(), "type": "virtual"}
        return str(ok(self.owner.post("/cards", body), 201)["id"])

    def blocked_card_id(self) -> str:
        card_id = self.card_id()
        ok(self.owner.post(f"/cards/{card_id}/block"))
        return card_id

    def funded_card_id(self) -> str:
        body = {"account_id": self.account(100)["id"], "type": "virtual"}
        return str(ok(self.owner.post("/cards", body), 201)["id"])

    def authorization_id(self) -> str:
        path = f"/cards/{self.funded_card_id()}/authorizations"
        return str(ok(self.owner.post(path, hold(self)), 201)["id"])

    def revoke_old_api_keys(self) -> None:
        """Revoke all live keys of the owner but the newest ten: a user may have a limited number."""
        keys = ok(self.owner.get("/api-keys?limit=100"))["items"]
        for key in [key for key in keys if key["revoked_at"] is None][10:]:
            ok(self.owner.delete(f"/api-keys/{key['id']}"), 204)

    def api_key_id(self) -> str:
        self.revoke_old_api_keys()
        return str(ok(self.owner.post("/api-keys", api_key(self)), 201)["id"])

    def webhook_endpoint_id(self) -> str:
        endpoint_id = str(ok(self.owner.post("/webhook-endpoints", webhook_endpoint(self)), 201)["id"])
        # A user may have a few endpoints only.
        for endpoint in ok(self.owner.get("/webhook-endpoints"))["items"][10:]:
            ok(self.owner.delete(f"/webhook-endpoints/{endpoint['id']}"), 204)
        return endpoint_id

    def payee_id(self) -> str:
        return str(ok(self.owner.post("/payees", payee(self)), 201)["id"])

    def category_rule_id(self) -> str:
        rule_id = str(ok(self.owner.post("/category-rules", category_rule(self)), 201)["id"])
        # A user may have a limited number of rules.
        for rule in ok(self.owner.get("/category-rules"))["items"][10:]:
            ok(self.owner.delete(f"/category-rules/{rule['id']}"), 204)
        return rule_id

    def session_id(self) -> str:
        caller = self.bank.signed_in(self.owner.email)
        sessions = ok(caller.get("/auth/sessions"))["items"]
        return next(str(session["id"]) for session in sessions if session["current"])


Maker = Callable[[World], Any]


@dataclass(frozen=True)
class Row:
    """One route: the status for each caller, the query and body to send, and the makers of its path arguments."""

    method: str
    rule: str
    outcomes: Outcomes
    success: int = 200
    body: Maker | None = None
    path: dict[str, Maker | str] = field(default_factory=dict)
    query: Maker | None = None
    headers: dict[str, str] = field(default_factory=dict)
    spends_sessions: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    def url(self, world: World) -> str:
        """Return the rule with its arguments filled in, by ``path`` or by the method of ``world`` with their name."""
        parts = []
        for part in self.rule.split("/"):
            name = part.strip("<>").rpartition(":")[2]
            maker = self.path.get(name, getattr(World, name, None)) if part.startswith("<") else part
            parts.append(maker(world) if callable(maker) else str(maker))
        query = f"?{urlencode(self.query(world))}" if self.query else ""
        return "/".join(parts) + query


def signup(world: World) -> dict[str, str]:
    return {"email": unique_email(), "password": PASSWORD}


def login(world: World) -> dict[str, str]:
    return {"email": world.owner.email, "password": PASSWORD}


def refresh(world: World) -> dict[str, str]:
    return {"refresh_token": world.bank.signed_in(world.owner.email).tokens["refresh_token"]}


def deposit(world: World) -> dict[str, Any]:
    return {"account_id": world.account_id(), "type": "deposit", "amount": 1, "currency": "EUR"}


def transfer(world: World) -> dict[str, Any]:
    source, target = world.account(balance=1), world.account()
    return {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 1, "currency": "EUR"}


def card(world: World) -> dict[str, Any]:
    return {"account_id": world.account_id(), "type": "virtual"}


def hold(world: World) -> dict[str, Any]:
    return {"amount": 1, "currency": "EUR", "merchant": "Corner Bookshop"}


def api_key(_: World) -> dict[str, Any]:
    expires_at = clock.to_text(clocks.ago(days=-30))
    return {"name": "Payroll", "scopes": ["accounts:read"], "expires_at": expires_at, "password": PASSWORD}


def payee(_: World) -> dict[str, Any]:
    account_number = str(IBAN.generate("DE", bank_code="50010517", account_code=f"{next(_numbers):010}"))
    return {"name": "Grace Hopper", "account_number": account_number}


def category_rule(_: World) -> dict[str, Any]:
    return {"category": "leisure", "words": "theatre"}


def november(_: World) -> dict[str, Any]:
    return {"from": "2026-11-01", "to": "2026-11-30", "currency": "EUR"}


def webhook_endpoint(world: World) -> dict[str, Any]:
    return {"url": "https://ada.example/bank-events"}


TABLE = (
    # auth
    Row("POST", "/v1/auth/signup", PUBLIC, 201, signup),
    Row("POST", "/v1/auth/login", PUBLIC, 200, login),
    Row("POST", "/v1/auth/refresh", PUBLIC, 200, refresh),
    Row("POST", "/v1/auth/logout", SIGNED_IN, 204, spends_sessions=True),
    Row("GET", "/v1/auth/me", SIGNED_IN),
    Row(
        "POST",
        "/v1/auth/password",
        SIGNED_IN,
        204,
        lambda _: {"current_password": PASSWORD, "new_password": PASSWORD},
        spends_sessions=True,
    ),
    Row("GET", "/v1/auth/sessions", SIGNED_IN),
    Row("DELETE", "/v1/auth/sessions", (401, 204, 204, 204, 204), spends_sessions=True),
    Row("DELETE", "/v1/auth/sessions/<id:session_id>", OWN, 204),
    # second factor: 409, because these callers have none; tests/integration/test_second_factor.py has
    Row("GET", "/v1/auth/otp", SIGNED_IN),
    Row("POST", "/v1/auth/otp/enrol", SIGNED_IN, 200, lambda _: {"password": PASSWORD}),
    Row("POST", "/v1/auth/otp/confirm", SIGNED_IN, 401, lambda _: {"otp": "000000"}),
    Row("POST", "/v1/auth/otp/disable", SIGNED_IN, 409, lambda _: {"password": PASSWORD, "otp": "000000"}),
    Row("POST", "/v1/auth/otp/recovery-codes", SIGNED_IN, 409, lambda _: {"password": PASSWORD, "otp": "000000"}),
    # API keys
    Row("POST", "/v1/api-keys", SIGNED_IN, 201, api_key),
    Row("GET", "/v1/api-keys", SIGNED_IN),
    Row("GET", "/v1/api-keys/<id:api_key_id>", OWN),
    Row("POST", "/v1/api-keys/<id:api_key_id>/roll", OWN, 200, lambda _: {"overlap_seconds": 0, "password": PASSWORD}),
    Row("DELETE", "/v1/api-keys/<id:api_key_id>", OWN, 204),
    # account holders
    Row("POST", "/v1/account-holders", (401, 409, 409, 201, 201), body=lambda _: PERSON),
    Row("GET", "/v1/account-holders", SIGNED_IN),
    Row("GET", "/v1/account-holders/me", SIGNED_IN),
    Row("GET", "/v1/account-holders/<id:account_holder_id>", READ),
    Row(
        "PATCH",
        "/v1/account-holders/<id:account_holder_id>",
        OWN,
        body=lambda _: {"first_name": "Augusta"},
        headers={"If-Match": "*"},
    ),
    # accounts
    Row("POST", "/v1/accounts", SIGNED_IN, 201, lambda _: {"type": "savings", "currency": "EUR"}),
    Row("GET", "/v1/accounts", SIGNED_IN),
    Row("GET", "/v1/accounts/<id:account_id>", READ),
    Row("PATCH", "/v1/accounts/<id:account_id>", OWN, body=lambda _: {"name": "Holidays"}),
    Row("GET", "/v1/accounts/<id:account_id>/balance", READ),
    Row("POST", "/v1/accounts/<id:account_id>/freeze", STAFF),
    Row("POST", "/v1/accounts/<id:account_id>/unfreeze", STAFF, path={"account_id": World.frozen_account_id}),
    Row("POST", "/v1/accounts/<id:account_id>/close", READ),
    Row("GET", "/v1/currencies", SIGNED_IN),
    # money
    Row("POST", "/v1/transactions", OWN, 201, deposit),
    Row("GET", "/v1/transactions", SIGNED_IN),
    Row("GET", "/v1/transactions/csv", SIGNED_IN),
    Row("GET", "/v1/transactions/<id:transaction_id>", READ),
    Row("GET", "/v1/transactions/<id:transaction_id>/annotation", OWN),
    Row(
        "PUT",
        "/v1/transactions/<id:transaction_id>/annotation",
        OWN,
        body=lambda _: {"category": "groceries"},
        headers={"If-Match": "*"},
    ),
    Row("POST", "/v1/category-rules", SIGNED_IN, 201, category_rule),
    Row("POST", "/v1/category-rules/preview", SIGNED_IN, 200, category_rule),
    Row("GET", "/v1/category-rules", SIGNED_IN),
    Row("GET", "/v1/category-rules/<id:category_rule_id>", OWN),
    Row("PATCH", "/v1/category-rules/<id:category_rule_id>", OWN, body=lambda _: {"position": 7}),
    Row("DELETE", "/v1/category-rules/<id:category_rule_id>", OWN, 204),
    Row("GET", "/v1/insights/spending", SIGNED_IN, query=november),
    Row("GET", "/v1/insights/cash-flow", SIGNED_IN, query=november),
    Row("POST", "/v1/transfers", OWN, 201, transfer),
    Row("POST", "/v1/transfers/batch", (401, 200, 422, 422, 422), 200, lambda world: {"transfers": [transfer(world)]}),
    Row("POST", "/v1/transfers/<id:transfer_id>/reversal", STAFF, 201),
    Row("GET", "/v1/transfers", SIGNED_IN),
    Row("GET", "/v1/transfers/<id:transfer_id>", READ),
    Row("GET", "/v1/statements/periods", READ, query=lambda world: {"account_id": world.account_id()}),
    Row("GET", "/v1/statements/<id:account_id>", READ),
    Row("GET", "/v1/accounts/<id:account_id>/statements", READ),
    Row(
        "GET",
        "/v1/accounts/<id:account_id>/statements/<number:number>",
        READ,
        path={"account_id": World.old_account_id, "number": "1"},
    ),
    Row("GET", "/v1/statements/<id:account_id>/csv", READ),
    Row("GET", "/v1/statements/<id:account_id>/pdf", READ),
    Row("GET", "/v1/statements/<id:account_id>/ofx", READ),
    Row("GET", "/v1/statements/<id:account_id>/camt053", READ),
    Row("GET", "/v1/statements/<id:account_id>/mt940", READ),
    # payees
    Row("POST", "/v1/payees", SIGNED_IN, 201, payee),
    Row("GET", "/v1/payees", SIGNED_IN),
    Row("GET", "/v1/payees/<id:payee_id>", OWN),
    Row("PATCH", "/v1/payees/<id:payee_id>", OWN, body=lambda _: {"nickname": "Landlady"}),
    Row("DELETE", "/v1/payees/<id:payee_id>", OWN, 204),
    Row("POST", "/v1/payees/<id:payee_id>/trust", OWN, 200, lambda _: {"password": PASSWORD}),
    Row("POST", "/v1/payees/<id:payee_id>/untrust", OWN),
    Row("POST", "/v1/payee-verifications", SIGNED_IN, 200, payee),
    # cards
    Row("POST", "/v1/cards", OWN, 201, card),
    Row("GET", "/v1/cards", SIGNED_IN),
    Row("GET", "/v1/cards/<id:card_id>", READ),
    Row("POST", "/v1/cards/<id:card_id>/block", OWN),
    Row("POST", "/v1/cards/<id:card_id>/unblock", OWN, path={"card_id": World.blocked_card_id}),
    Row("POST", "/v1/cards/<id:card_id>/terminate", OWN),
    Row("GET", "/v1/cards/<id:card_id>/limits", READ),
    Row("PUT", "/v1/cards/<id:card_id>/limits", OWN, 200, lambda _: {"per_authorization": 1, "per_day": None}),
    Row("POST", "/v1/cards/<id:card_id>/authorizations", OWN, 201, hold, path={"card_id": World.funded_card_id}),
    Row("GET", "/v1/authorizations", SIGNED_IN),
    Row("GET", "/v1/authorizations/<id:authorization_id>", READ),
    Row("POST", "/v1/authorizations/<id:authorization_id>/capture", OWN),
    Row("POST", "/v1/authorizations/<id:authorization_id>/void", OWN),
    # webhooks
    Row("POST", "/v1/webhook-endpoints", SIGNED_IN, 201, webhook_endpoint),
    Row("GET", "/v1/webhook-endpoints", SIGNED_IN),
    Row("GET", "/v1/webhook-endpoints/<id:webhook_endpoint_id>", READ),
    Row("PATCH", "/v1/webhook-endpoints/<id:webhook_endpoint_id>", OWN, body=lambda _: {"ordering": "account"}),
    Row("DELETE", "/v1/webhook-endpoints/<id:webhook_endpoint_id>", OWN, 204),
    Row("POST", "/v1/webhook-endpoints/<id:webhook_endpoint_id>/rotate-secret", OWN),
    Row("POST", "/v1/webhook-endpoints/<id:webhook_endpoint_id>/test", OWN, 202),
    Row("GET", "/v1/webhook-endpoints/<id:webhook_endpoint_id>/deliveries", READ),
    Row("POST", "/v1/webhook-endpoints/<id:webhook_endpoint_id>/replay", OWN, 202, lambda _: {"from_position": 1}),
    # the pages
    Row("GET", "/", PUBLIC, 302),
    Row("GET", "/app", PUBLIC),
    Row("GET", "/app/<path:page>", PUBLIC, path={"page": "overview"}),
    Row("GET", "/pages/sign-in", PUBLIC),
    Row("GET", "/pages/sign-up", PUBLIC),
    Row("GET", "/pages/overview", SIGNED_IN),
    Row("GET", "/pages/news", (401, 404, 404, 404, 404), query=lambda _: {"position": "1000000000", "more": "0"}),
    Row("GET", "/pages/accounts/new", SIGNED_IN),
    Row("GET", "/pages/accounts/<id:account_id>", READ),
    Row("GET", "/pages/accounts/<id:account_id>/history", READ),
    Row("GET", "/pages/movements", SIGNED_IN),
    Row("GET", "/pages/movements/more", SIGNED_IN),
    Row("GET", "/pages/insights", SIGNED_IN),
    Row("GET", "/pages/movements/<id:transaction_id>", READ),
    Row("GET", "/pages/send", SIGNED_IN),
    Row("GET", "/pages/send/review", SIGNED_IN),
    Row("GET", "/pages/transfers/<id:transfer_id>", READ),
    Row("GET", "/pages/payees", SIGNED_IN),
    Row("GET", "/pages/cash", SIGNED_IN),
    Row("GET", "/pages/cash/review", SIGNED_IN),
    Row("GET", "/pages/cards", SIGNED_IN),
    Row("GET", "/pages/cards/<id:card_id>", READ),
    Row("GET", "/pages/cards/<id:card_id>/limits", READ),
    Row("GET", "/pages/cards/<id:card_id>/limits/review", READ),
    Row("GET", "/pages/cards/<id:card_id>/pay", READ),
    Row("GET", "/pages/cards/<id:card_id>/pay/review", READ),
    Row("GET", "/pages/statements", SIGNED_IN),
    Row("GET", "/pages/statements/preview", (401, 404, 404, 404, 404)),  # without an account
    Row("GET", "/pages/security", SIGNED_IN),
    Row("GET", "/pages/activity", SIGNED_IN),
    Row("GET", "/pages/activity/more", SIGNED_IN),
    Row("GET", "/pages/developers", SIGNED_IN),
    Row("GET", "/pages/developers/keys/new", SIGNED_IN),
    Row("GET", "/pages/developers/keys/<id:api_key_id>", OWN),
    Row("GET", "/pages/developers/webhooks/new", SIGNED_IN),
    Row("GET", "/pages/developers/webhooks/<id:webhook_endpoint_id>", READ),
    Row("GET", "/pages/developers/webhooks/<id:webhook_endpoint_id>/deliveries", READ),
    Row("GET", "/pages/developers/events", SIGNED_IN),
    Row("GET", "/pages/developers/events/more", SIGNED_IN),
    Row("GET", "/pages/customers", STAFF),
    Row("GET", "/pages/customers/found", STAFF),
    Row("GET", "/pages/customers/<id:holder_id>", STAFF, path={"holder_id": World.account_holder_id}),
    # the rest
    Row("GET", "/v1/audit-logs", SIGNED_IN),
    Row("GET", "/v1/events", SIGNED_IN),
    Row("GET", "/v1/events/stream", SIGNED_IN),
    Row("GET", "/v1/health", PUBLIC),
    Row("GET", "/v1/health/live", PUBLIC),
    Row("GET", "/v1/health/ready", PUBLIC),
    Row("GET", "/metrics", PUBLIC),
    Row("GET", "/openapi.json", PUBLIC),
    Row("GET", "/docs", PUBLIC),
    Row("GET", "/docs/errors", PUBLIC),
    Row("GET", "/docs/<path:name>", PUBLIC, path={"name": "swagger-ui.css"}),
    Row("GET", "/static/<path:filename>", PUBLIC, path={"filename": "docs.js"}),
)


@pytest.fixture(scope="module")
def world(app: Flask) -> Iterator[World]:
    return World(Bank(app))


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_each_caller_gets_the_status_of_the_table(world: World, row: Row) -> None:
    answers = []
    for name in CALLERS:
        caller = world.newcomer(name) if row.spends_sessions else world.people[name]
        headers = dict(row.headers)
        if caller.tokens:
            headers["Authorization"] = f"Bearer {caller.tokens['access_token']}"
        body = row.body(world) if row.body else None
        answers.append(caller.client.open(row.url(world), method=row.method, json=body, headers=headers))
    expected = [outcome or row.success for outcome in row.outcomes]
    assert dict(zip(CALLERS, [answer.status_code for answer in answers], strict=True)) == dict(
        zip(CALLERS, expected, strict=True)
    )
    for answer in answers:
        answer.close()


def test_every_route_has_a_row(app: Flask) -> None:
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    declared = [str(row) for row in TABLE]
    assert routes - set(declared) == set(), "routes without a row"
    assert set(declared) - routes == set(), "rows without a route"
    assert len(declared) == len(set(declared))


def test_a_foreign_account_answers_like_a_missing_one(world: World) -> None:
    other = world.people["other"]
    foreign = ok(other.get(f"/accounts/{world.account_id()}"), 404)
    missing = ok(other.get(f"/accounts/{world.session_id()}"), 404)
    for problem in (foreign, missing):
        del problem["request_id"], problem["instance"]
    assert foreign == missing


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/auth/signup", {"email": "eve@example.com", "password": PASSWORD, "role": "admin"}, "role"),
        ("POST", "/auth/signup", {"email": "eve@example.com", "password": PASSWORD, "id": "1"}, "id"),
        ("POST", "/auth/signup", {"email": "eve@example.com", "password": PASSWORD, "status": "active"}, "status"),
        ("POST", "/accounts", {"type": "savings", "currency": "EUR", "balance": 10**6}, "balance"),
        ("POST", "/accounts", {"type": "savings", "currency": "EUR", "holder_id": "1"}, "holder_id"),
        ("POST", "/accounts", {"type": "savings", "currency": "EUR", "status": "active"}, "status"),
        ("POST", "/account-holders", PERSON | {"user_id": "1"}, "user_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fields_that_the_server_sets_are_refused(
    world: World, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    problem = ok(world.owner.request(method, path, json=body), 422)
    assert list(problem["errors"]) == [field]


def test_an_account_holder_cannot_be_given_to_another_user(world: World) -> None:
    holder = ok(world.owner.get("/account-holders/me"))
    body = {"user_id": world.people["other"].user_id}
    problem = ok(world.owner.patch(f"/account-holders/{holder['id']}", body, headers={"If-Match": "*"}), 422)
    assert list(problem["errors"]) == ["user_id"]
    assert ok(world.owner.get("/account-holders/me"))["user_id"] == world.owner.user_id
