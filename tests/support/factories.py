"""Users and accounts for tests, made over HTTP as a client makes them."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bankapp import db
from bankapp.services.identity import auth, passwords
from tests.support.conformance import checked

PASSWORD = "violet-otter-sings-17"
PERSON = {"first_name": "Ada", "last_name": "Lovelace", "dob": "1990-12-10"}

_counter = itertools.count(1)


def unique_email() -> str:
    return f"user-{next(_counter)}-{uuid.uuid4().hex[:8]}@example.com"


@dataclass
class Caller:
    """A caller of the API, with or without a token."""

    client: FlaskClient
    email: str = ""
    user_id: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, key: str | None = None, **kwargs: Any) -> TestResponse:
        headers = dict(self.headers)
        if self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        if key is not None:
            headers["Idempotency-Key"] = key
        headers |= kwargs.pop("headers", {})
        answer = self.client.open(f"/v1{path}", method=method, headers=headers, **kwargs)
        # A client over a socket has no application, and so no document to compare its answers with.
        application = getattr(self.client, "application", None)
        return answer if application is None else checked(application, answer)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        if json is not None:
            kwargs["json"] = json
        return self.request("POST", path, **kwargs)

    def patch(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.request("PATCH", path, json=json, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.request("DELETE", path, **kwargs)

    def account(self, currency: str = "EUR", balance: int = 0, type: str = "checking") -> dict[str, Any]:
        """Open an account and deposit ``balance`` minor units."""
        account = ok(self.post("/accounts", {"type": type, "currency": currency}), 201)
        if balance:
            self.deposit(account, balance)
        return account

    def deposit(self, account: dict[str, Any], amount: int) -> dict[str, Any]:
        return ok(self.move(account, amount, "deposit"), 201)

    def move(self, account: dict[str, Any], amount: int, type: str, **kwargs: Any) -> TestResponse:
        body = {"account_id": account["id"], "type": type, "amount": amount, "currency": account["currency"]}
        return self.post("/transactions", body, **kwargs)

    def transfer(
        self, source: dict[str, Any], target: dict[str, Any], amount: int, key: str | None = None, **extra: Any
    ) -> TestResponse:
        body = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": amount}
        return self.post("/transfers", body | {"currency": source["currency"]} | extra, key=key)

    def card(self, account: dict[str, Any], type: str = "virtual") -> dict[str, Any]:
        return ok(self.post("/cards", {"account_id": account["id"], "type": type}), 201)

    def authorize(
        self, card: dict[str, Any], amount: int, currency: str = "EUR", merchant: str = "Corner Bookshop", **kwargs: Any
    ) -> TestResponse:
        body = {"amount": amount, "currency": currency, "merchant": merchant}
        return self.post(f"/cards/{card['id']}/authorizations", body, **kwargs)

    def hold(self, card: dict[str, Any], amount: int) -> dict[str, Any]:
        return ok(self.authorize(card, amount), 201)

    def balances(self, account: dict[str, Any]) -> tuple[int, int]:
        """Return balance and available balance."""
        found = ok(self.get(f"/accounts/{account['id']}"))
        return found["balance"], found["available_balance"]

    def balance(self, account: dict[str, Any]) -> int:
        return ok(self.get(f"/accounts/{account['id']}"))["balance"]


@dataclass
class Bank:
    """An application under test, and the functions that make its users."""

    app: Flask

    def anonymous(self, **headers: str) -> Caller:
        return Caller(self.app.test_client(), headers=headers)

    def signed_in(self, email: str, password: str = PASSWORD, **headers: str) -> Caller:
        caller = self.anonymous(**headers)
        caller.tokens = ok(caller.post("/auth/login", {"email": email, "password": password}))
        caller.email = email
        caller.user_id = ok(caller.get("/auth/me"))["id"]
        return caller

    def customer(self, *, holder: bool = True, **headers: str) -> Caller:
        """Sign up a new customer, with an account holder unless ``holder`` is false, and sign in."""
        email = unique_email()
        body = {"email": email, "password": PASSWORD} | (PERSON if holder else {})
        ok(self.anonymous().post("/auth/signup", body), 201)
        return self.signed_in(email, **headers)

    def employee(self, role: str = "staff") -> Caller:
        """Make a user with this role, as ``flask users create`` does, and sign in."""
        email = unique_email()
        with self.app.app_context():
            db.run(lambda: auth.create_user(email, passwords.hashed(PASSWORD), role))
        return self.signed_in(email)


def ok(response: TestResponse, status: int = 200) -> Any:
    """Return the JSON of an answer; a status other than ``status`` fails the test and shows the answer."""
    assert response.status_code == status, f"{response.status_code}: {response.get_data(as_text=True)}"
    return response.get_json()


def refused(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Return the problem document; another status or code fails the test."""
    problem = response.get_json()
    assert response.content_type == "application/problem+json", response.get_data(as_text=True)
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-Id"] or "Idempotent-Replayed" in response.headers
    return problem
