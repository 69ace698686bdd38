"""Revoked tokens: no statement of their request returns or stores anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import literal, select, text
from werkzeug.test import TestResponse

from bankapp import db, ids
from bankapp.endpoints import Access, access_of
from bankapp.errors import TokenRevoked
from bankapp.extensions import db as extension
from bankapp.repositories import accounts
from tests.support.api_keys import bearer, make
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.routes import operations
from tests.support.statements import before_statement, statements
from tests.support.tokens import claims_of, signed

TABLES = (
    "accounts",
    "audit_logs",
    "authorizations",
    "cards",
    "idempotency_keys",
    "sessions",
    "transactions",
    "transfers",
)


def stored(bank: Bank) -> dict[str, int]:
    with bank.app.app_context():
        return {table: extension.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in TABLES}


class Thief:
    """An attacker with a token of ``owner``, and the requests that use it on the owner's objects."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.owner = bank.customer()
        self.source, self.target = self.owner.account(balance=1_000), self.owner.account()
        self.card = self.owner.card(self.source)
        self.hold = self.owner.hold(self.card, 5)

    def attempts(self, token: str) -> list[Callable[[], TestResponse]]:
        thief = Caller(self.bank.app.test_client(), tokens={"access_token": token})
        move = {"from_account_id": self.source["id"], "to_account_number": self.target["number"], "amount": 1}
        move["currency"] = "EUR"
        return [
            lambda: thief.get(f"/accounts/{self.source['id']}"),
            lambda: thief.get(f"/accounts/{self.source['id']}/balance?at=2026-01-01T00:00:00Z"),
            lambda: thief.get(f"/transactions?account_id={self.source['id']}"),
            lambda: thief.get("/transactions?cursor=made-up"),
            lambda: thief.get(f"/statements/{self.source['id']}?from=2026-01-01&to=2026-01-31&format=csv"),
            lambda: thief.get("/currencies"),
            lambda: thief.transfer(self.source, self.target, 1),
            lambda: thief.transfer(self.source, self.target, 1, key="steal"),
            lambda: thief.post("/transfers", move, key="steal by number"),
            lambda: thief.post("/transfers/batch", {"transfers": [move]}, key="steal many"),
            lambda: thief.move(self.source, 1, "withdrawal", key="steal cash"),
            lambda: thief.move(self.source, 1, "withdrawal"),
            lambda: thief.authorize(self.card, 1, key="buy"),
            lambda: thief.post(f"/authorizations/{self.hold['id']}/capture", {}, key="capture"),
            lambda: thief.post("/transfers", {"amount": "many"}, key="wrong"),
            lambda: thief.post("/transfers", move, key="\x7f"),
            lambda: thief.post("/transfers", data=b"{", content_type="application/json"),
        ]


@pytest.fixture
def thief(bank: Bank) -> Thief:
    return Thief(bank)


def test_a_revoked_token_reads_and_writes_nothing(thief: Thief) -> None:
    bank, token = thief.bank, thief.owner.tokens["access_token"]
    ok(thief.owner.post("/auth/logout"), 204)
    before = stored(bank)
    for attempt in thief.attempts(token):
        with statements(bank.app) as executed:
            refused(attempt(), 401, "token_revoked")
        assert [statement for statement in executed if "auth_tokens" not in statement] == []
    assert stored(bank) == before


@pytest.mark.parametrize("claim", ["sub", "sid"])
def test_a_live_token_with_foreign_claims_is_invalid(thief: Thief, claim: str) -> None:
    bank, claims = thief.bank, claims_of(thief.owner.tokens["access_token"])
    other = claims_of(bank.customer().tokens["access_token"])
    before = stored(bank)
    for attempt in thief.attempts(signed(claims | {claim: other[claim]})):
        refused(attempt(), 401, "token_invalid")
    assert stored(bank) == before


def test_a_token_revoked_during_the_request_moves_no_money(thief: Thief) -> None:
    bank, token = thief.bank, thief.owner.tokens["access_token"]
    elsewhere = bank.signed_in(thief.owner.email)
    before = stored(bank)
    end = f"/auth/sessions/{claims_of(token)['sid']}"
    with before_statement(bank.app, "auth_tokens", lambda: ok(elsewhere.delete(end), 204)):
        refused(
            Caller(bank.app.test_client(), tokens=thief.owner.tokens).transfer(
                thief.source, thief.target, 1, key="rent"
            ),
            401,
            "token_revoked",
        )
    before["audit_logs"] += 1  # the row for the end of the session
    assert stored(bank) == before


def test_a_revoked_token_is_refused_before_any_other_error(bank: Bank) -> None:
    caller, staff = bank.customer(), bank.employee("admin")
    for who in (caller, staff):
        ok(who.post("/auth/logout"), 204)
    for operation in operations(bank.app):
        if operation.access is Access.PUBLIC:
            continue
        bodies: list[dict[str, Any]] = [{"json": operation.example}, {"data": b"{", "content_type": "application/json"}]
        for who in (caller, staff):
            for body in bodies:
                refused(who.request(operation.method, operation.path, key="k", **body), 401, "token_revoked")
            refused(who.request(operation.method, f"{operation.path}?no_such_parameter=1"), 401, "token_revoked")


def test_a_revoked_key_is_refused_before_any_other_error(bank: Bank) -> None:
    ada = bank.customer()
    key = make(ada)
    server = bearer(bank, key)
    ok(server.get("/accounts"))
    ok(ada.delete(f"/api-keys/{key['id']}"), 204)
    before = stored(bank)
    for operation in operations(bank.app):
        if operation.access is not Access.PUBLIC:
            for body in ({"json": operation.example}, {"data": b"{", "content_type": "application/json"}):
                answer = server.request(operation.method, operation.path, key="k", **body)
                refused(answer, 401, "api_key_revoked")
    assert stored(bank) == before


def test_no_page_is_shown_to_a_revoked_token(bank: Bank) -> None:
    customer, staff = bank.customer(), bank.employee("admin")
    for who in (customer, staff):
        ok(who.post("/auth/logout"), 204)
    pages = [rule for rule in bank.app.url_map.iter_rules() if rule.rule.startswith("/pages/")]
    closed = [page for page in pages if access_of(page.endpoint) is not Access.PUBLIC]
    assert len(closed) > 10
    for page in closed:
        _, path = page.build({name: ids.new() for name in page.arguments}) or ("", "")
        for who in (customer, staff):
            headers = {"Authorization": f"Bearer {who.tokens['access_token']}"}
            refused(bank.app.test_client().get(path, headers=headers), 401, "token_revoked")


def test_a_read_is_one_statement(thief: Thief) -> None:
    for read in thief.attempts(thief.owner.tokens["access_token"])[:3]:
        with statements(thief.bank.app) as executed:
            ok(read())
        assert ["auth_tokens" in statement for statement in executed] == [True]


def test_a_refused_guard_refuses_every_later_statement(thief: Thief) -> None:
    def refuse(_: object) -> None:
        raise TokenRevoked("not any more")

    ways: list[Callable[[], object]] = [
        lambda: accounts.get(thief.source["id"]),
        lambda: db.rows(select(literal(1))),
        lambda: db.change(text("DELETE FROM login_throttles")),
        lambda: db.run(lambda: db.rows(select(literal(1)))),
        db.check_guard,
    ]
    with thief.bank.app.app_context():
        db.guard(select(literal(1).label("one")), {}, refuse)
        for way in ways + ways:
            with pytest.raises(TokenRevoked):
                way()
