"""Error codes: one request that a client can make for each code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import jwt
import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from bankapp import clock
from bankapp.endpoints import Access, declare
from bankapp.errors import BankError
from bankapp.extensions import db
from tests.support import clocks
from tests.support.api_keys import bearer, make
from tests.support.databases import SECRET
from tests.support.factories import PASSWORD, PERSON, Bank, Caller, ok, refused
from tests.support.streams import number

PENDING: Final = {
    "otp_required": "second factor",
    "rate_limited": "rate limits",
    "limit_exceeded": "limits on transfers",
    "balance_limit_exceeded": "tested in test_money_limits.py, which fills an account",
    "internal_error": "tested below, on an application with a broken view",
    "unavailable": "tested below, on an application without its database",
}
"""Codes without a case here, and the tests that reach them."""

Case = Callable[[Bank], TestResponse]
CASES: dict[str, tuple[int, Case]] = {}


def case(code: str, status: int) -> Callable[[Case], Case]:
    def add(function: Case) -> Case:
        CASES[code] = (status, function)
        return function

    return add


def with_claims(caller: Caller, **changes: Any) -> Caller:
    """Return the caller with a token that is signed with other claims."""
    token = caller.tokens["access_token"]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="bankapp-api") | changes
    caller.tokens["access_token"] = jwt.encode(claims, SECRET, algorithm="HS256")
    return caller


@case("malformed_request", 400)
def malformed_request(bank: Bank) -> TestResponse:
    return bank.anonymous().post("/auth/login", data=b"{", content_type="application/json")


@case("idempotency_key_invalid", 400)
def idempotency_key_invalid(bank: Bank) -> TestResponse:
    return bank.customer().post("/accounts", {"type": "checking", "currency": "EUR"}, key="k" * 256)


@case("token_missing", 401)
def token_missing(bank: Bank) -> TestResponse:
    return bank.anonymous().get("/auth/me")


@case("token_invalid", 401)
def token_invalid(bank: Bank) -> TestResponse:
    return with_claims(bank.customer(), aud="another-api").get("/auth/me")


@case("token_expired", 401)
def token_expired(bank: Bank) -> TestResponse:
    past = clock.now() - timedelta(minutes=1)
    return with_claims(bank.customer(), exp=int(past.timestamp())).get("/auth/me")


@case("token_revoked", 401)
def token_revoked(bank: Bank) -> TestResponse:
    ada = bank.customer()
    ok(ada.post("/auth/logout"), 204)
    return ada.get("/auth/me")


@case("invalid_credentials", 401)
def invalid_credentials(bank: Bank) -> TestResponse:
    return bank.anonymous().post("/auth/login", {"email": bank.customer().email, "password": f"{PASSWORD}!"})


@case("refresh_token_invalid", 401)
def refresh_token_invalid(bank: Bank) -> TestResponse:
    return bank.anonymous().post("/auth/refresh", {"refresh_token": "unknown"})


@case("refresh_token_reused", 401)
def refresh_token_reused(bank: Bank) -> TestResponse:
    body = {"refresh_token": bank.customer().tokens["refresh_token"]}
    ok(bank.anonymous().post("/auth/refresh", body))
    return bank.anonymous().post("/auth/refresh", body)


@case("api_key_expired", 401)
def api_key_expired(bank: Bank) -> TestResponse:
    server = bearer(bank, make(bank.customer(), expires_at=clock.to_text(clocks.ago(minutes=-1))))
    with clocks.at(clock.now() + timedelta(minutes=2)):
        return server.get("/accounts")


@case("api_key_revoked", 401)
def api_key_revoked(bank: Bank) -> TestResponse:
    ada = bank.customer()
    key = make(ada)
    ok(ada.delete(f"/api-keys/{key['id']}"), 204)
    return bearer(bank, key).get("/accounts")


@case("insufficient_scope", 403)
def insufficient_scope(bank: Bank) -> TestResponse:
    return bearer(bank, make(bank.customer(), scopes=["cards:read"])).get("/accounts")


@case("ip_address_not_allowed", 403)
def ip_address_not_allowed(bank: Bank) -> TestResponse:
    return bearer(bank, make(bank.customer(), ip_allowlist=["203.0.113.0/24"])).get("/accounts")


@case("forbidden", 403)
def forbidden(bank: Bank) -> TestResponse:
    ada = bank.customer()
    return ada.post(f"/accounts/{ada.account()['id']}/freeze")


@case("not_found", 404)
def not_found(bank: Bank) -> TestResponse:
    return bank.customer().get(f"/accounts/{bank.customer().account()['id']}")


@case("method_not_allowed", 405)
def method_not_allowed(bank: Bank) -> TestResponse:
    return bank.customer().delete("/accounts")


@case("email_taken", 409)
def email_taken(bank: Bank) -> TestResponse:
    return bank.anonymous().post("/auth/signup", {"email": bank.customer().email.upper(), "password": PASSWORD})


@case("account_holder_exists", 409)
def account_holder_exists(bank: Bank) -> TestResponse:
    return bank.customer().post("/account-holders", PERSON)


@case("payee_exists", 409)
def payee_exists(bank: Bank) -> TestResponse:
    ada = bank.customer()
    payee = {"name": "Grace Hopper", "account_number": "DE02120300000000202051"}
    ok(ada.post("/payees", payee), 201)
    return ada.post("/payees", payee)


@case("account_not_empty", 409)
def account_not_empty(bank: Bank) -> TestResponse:
    ada = bank.customer()
    return ada.post(f"/accounts/{ada.account(balance=1)['id']}/close")


@case("state_conflict", 409)
def state_conflict(bank: Bank) -> TestResponse:
    ada = bank.customer()
    path = f"/accounts/{ada.account()['id']}/close"
    ok(ada.post(path))
    return ada.post(path)


@case("idempotency_in_flight", 409)
def idempotency_in_flight(bank: Bank) -> TestResponse:
    ada = bank.customer()
    account, answers = ada.account(), []

    def send() -> None:
        answers.append(ada.move(account, 5, "deposit", key="twice"))

    executed: list[str] = []

    def meanwhile(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        executed.append(sql)
        # The claim of the first request is stored. Its money moves in the transaction that begins with this BEGIN.
        claimed = any("INTO idempotency_keys" in statement for statement in executed)
        if claimed and sql.startswith("BEGIN") and not other.ident:
            other.start()
            other.join()

    other = threading.Thread(target=send)
    with bank.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", meanwhile)
    send()
    event.remove(engine, "before_cursor_execute", meanwhile)
    while_running, first = answers
    assert (ok(first, 201)["amount"], ada.balance(account)) == (5, 5)
    assert while_running.headers["Retry-After"] == "1"
    return while_running


@case("precondition_failed", 412)
def precondition_failed(bank: Bank) -> TestResponse:
    ada = bank.customer()
    holder = ok(ada.get("/account-holders/me"))
    return ada.patch(f"/account-holders/{holder['id']}", {"last_name": "King"}, headers={"If-Match": '"0"'})


@case("precondition_required", 428)
def precondition_required(bank: Bank) -> TestResponse:
    ada = bank.customer()
    holder = ok(ada.get("/account-holders/me"))
    return ada.patch(f"/account-holders/{holder['id']}", {"last_name": "King"})


@case("payload_too_large", 413)
def payload_too_large(bank: Bank) -> TestResponse:
    return bank.anonymous().post("/auth/login", {"email": "a" * 65_536, "password": ""})


@case("unsupported_media_type", 415)
def unsupported_media_type(bank: Bank) -> TestResponse:
    return bank.anonymous().post("/auth/login", data=b"email=a&password=b")


@case("validation_error", 422)
def validation_error(bank: Bank) -> TestResponse:
    return bank.anonymous().post("/auth/login", {"email": "ada@example.com"})


@case("idempotency_key_reused", 422)
def idempotency_key_reused(bank: Bank) -> TestResponse:
    ada = bank.customer()
    account = ada.account()
    ok(ada.move(account, 5, "deposit", key="once"), 201)
    return ada.move(account, 6, "deposit", key="once")


@case("insufficient_funds", 422)
def insufficient_funds(bank: Bank) -> TestResponse:
    ada = bank.customer()
    return ada.move(ada.account(balance=4), 5, "withdrawal")


@case("account_not_active", 422)
def account_not_active(bank: Bank) -> TestResponse:
    ada = bank.customer()
    account = ada.account()
    ok(bank.employee().post(f"/accounts/{account['id']}/freeze"))
    return ada.move(account, 5, "deposit")


@case("currency_mismatch", 422)
def currency_mismatch(bank: Bank) -> TestResponse:
    ada = bank.customer()
    return ada.transfer(ada.account("EUR", balance=5), ada.account("USD"), 5)


@case("same_account", 422)
def same_account(bank: Bank) -> TestResponse:
    ada = bank.customer()
    account = ada.account(balance=5)
    return ada.transfer(account, account, 5)


@case("payee_not_payable", 422)
def payee_not_payable(bank: Bank) -> TestResponse:
    ada, bob = bank.customer(), bank.customer()
    return ada.transfer(ada.account(balance=5), bob.account("USD"), 5)


@case("payee_verification_required", 422)
def payee_verification_required(bank: Bank) -> TestResponse:
    ada, bob = bank.customer(), bank.customer()
    return ada.transfer(ada.account(balance=5), bob.account(), 5, payee_verification_token="unknown")


@case("account_holder_required", 422)
def account_holder_required(bank: Bank) -> TestResponse:
    return bank.customer(holder=False).post("/accounts", {"type": "checking", "currency": "EUR"})


@case("events_expired", 410)
def events_expired(bank: Bank) -> TestResponse:
    with clocks.at(clocks.ago(days=100)):
        ada = bank.customer(holder=False)
    number(bank.app)
    return bank.signed_in(ada.email).get("/events?after=0")


def test_every_code_has_a_test() -> None:
    def leaves(kind: type[BankError]) -> set[str]:
        return {kind.code}.union(*map(leaves, kind.__subclasses__()))

    assert CASES.keys() | PENDING.keys() == leaves(BankError)
    assert CASES.keys() & PENDING.keys() == set()


@pytest.mark.parametrize("code", CASES)
def test_code(bank: Bank, code: str) -> None:
    status, request = CASES[code]
    problem = refused(request(bank), status, code)
    assert problem["type"] == f"urn:bankapp:problem:{code}"
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert ("errors" in problem) == (status == 422)


def test_an_unexpected_error_reveals_nothing(new_database: Callable[[], str], make_app: Callable[..., Flask]) -> None:
    app = make_app(new_database())

    declare("broken", Access.PUBLIC)

    @app.get("/v1/broken")
    def broken() -> str:
        raise RuntimeError("SELECT hashed_password FROM users")

    problem = refused(Bank(app).anonymous().get("/broken"), 500, "internal_error")
    assert problem["instance"] == "/v1/broken"
    assert "hashed_password" not in str(problem)
    assert "RuntimeError" not in str(problem)


@pytest.fixture
def app_without_database(dialect: str, make_app: Callable[..., Flask]) -> Flask:
    return make_app(
        {"sqlite": "sqlite:////nowhere/at/all/bank.sqlite3", "postgresql": "postgresql://nobody@127.0.0.1:1/bank"}[
            dialect
        ]
    )


@pytest.mark.parametrize("request_", ["read", "write", "login"])
def test_without_its_database_the_service_is_unavailable(
    bank: Bank, app_without_database: Flask, request_: str
) -> None:
    ada = bank.customer()
    ada.client = app_without_database.test_client()
    answer = {
        "read": lambda: ada.get("/accounts"),
        "write": lambda: ada.post("/accounts", {"type": "checking", "currency": "EUR"}, key="k"),
        "login": lambda: ada.post("/auth/login", {"email": ada.email, "password": PASSWORD}),
    }[request_]()
    assert int(answer.headers["Retry-After"]) > 0
    assert refused(answer, 503, "unavailable")["detail"] == "The database cannot answer now."
    assert ok(ada.get("/health"), 503) == {"status": "unavailable", "database": "unavailable"}
    assert ok(ada.get("/health/live")) == {"status": "ok"}
