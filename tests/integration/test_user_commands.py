"""``flask users`` and ``flask tokens``: the commands of an operator."""

from __future__ import annotations

import getpass
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select

from bankapp import clock, ids
from bankapp.extensions import db
from bankapp.models import AuditLog, AuthToken, LoginThrottle, RefreshToken, SecondFactor, Session
from tests.support import clocks
from tests.support.api_keys import bearer, make
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused, unique_email
from tests.support.streams import stream


def flask(bank: Bank, *arguments: str, stdin: str | None = None) -> Result:
    return bank.app.test_cli_runner().invoke(args=arguments, input=stdin)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def failed(result: Result, status: int = 1) -> str:
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result.output


def operator_rows(bank: Bank, user_id: str) -> list[dict[str, Any]]:
    """Return the metadata of the audit rows of operators about a user, oldest first."""
    with bank.app.app_context():
        query = select(AuditLog).where(AuditLog.event_type == "user_change", AuditLog.resource_id == user_id)
        rows = db.session.scalars(query.order_by(AuditLog.created_at)).all()
        assert all(row.status == "success" and row.user_id is None for row in rows)
        return [row.details for row in rows]


@pytest.mark.parametrize("role", ["customer", "staff", "admin"])
def test_a_user_is_created_with_a_role(bank: Bank, role: str) -> None:
    email = unique_email()
    output = done(flask(bank, "users", "create", email, "--role", role, "--password-stdin", stdin=f"{PASSWORD}\n"))
    assert PASSWORD not in output
    caller = bank.signed_in(email)
    assert ok(caller.get("/auth/me"))["role"] == role
    assert operator_rows(bank, caller.user_id) == [
        {"change": "create", "role": role, "operator": getpass.getuser(), "customer_id": caller.user_id}
    ]


def test_the_password_is_asked_for_twice_and_never_shown(bank: Bank) -> None:
    email = unique_email()
    output = done(flask(bank, "users", "create", email, stdin=f"{PASSWORD}\n{PASSWORD}\n"))
    assert PASSWORD not in output
    assert ok(bank.signed_in(email).get("/auth/me"))["role"] == "customer"


@pytest.mark.parametrize(
    ("password", "reason"),
    [("password1234", "password: This is a very common password."), ("short", "12 to 128"), ("", "12 to 128")],
)
def test_the_rules_for_passwords_apply_to_the_command(bank: Bank, password: str, reason: str) -> None:
    arguments = ("users", "create", unique_email(), "--password-stdin")
    assert reason in failed(flask(bank, *arguments, stdin=f"{password}\n"))


def test_a_taken_email_is_refused(bank: Bank) -> None:
    email = bank.customer(holder=False).email
    result = flask(bank, "users", "create", email.upper(), "--password-stdin", stdin=f"{PASSWORD}\n")
    assert "already has an account" in failed(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "no-email", "--password-stdin"),
        ("create", "a@example.com", "--role", "root", "--password-stdin"),
        ("role", "a@example.com", "root"),
        ("disable",),
    ],
)
def test_invalid_arguments_are_refused(bank: Bank, arguments: tuple[str, ...]) -> None:
    failed(flask(bank, "users", *arguments, stdin=f"{PASSWORD}\n"), status=2)


def test_disable_ends_sessions_and_enable_permits_sign_in(bank: Bank) -> None:
    caller = bank.customer(holder=False)
    body = {"email": caller.email, "password": PASSWORD}
    done(flask(bank, "users", "disable", caller.email.upper()))
    refused(caller.get("/auth/me"), 401, "token_revoked")
    refused(caller.post("/auth/login", body), 401, "invalid_credentials")
    assert "already disabled" in failed(flask(bank, "users", "disable", caller.email))
    done(flask(bank, "users", "enable", caller.email))
    ok(Caller(caller.client).post("/auth/login", body))
    changes = [(row["change"], row["sessions_revoked"]) for row in operator_rows(bank, caller.user_id)]
    assert changes == [("disable", 1), ("enable", 0)]


def test_a_role_is_given_and_every_session_ends(bank: Bank) -> None:
    caller = bank.customer(holder=False)
    done(flask(bank, "users", "role", caller.email, "admin"))
    refused(caller.get("/auth/me"), 401, "token_revoked")
    assert ok(bank.signed_in(caller.email).get("/auth/me"))["role"] == "admin"
    [row] = operator_rows(bank, caller.user_id)
    assert (row["change"], row["before"], row["role"], row["sessions_revoked"]) == ("role", "customer", "admin", 1)
    assert "already admin" in failed(flask(bank, "users", "role", caller.email, "admin"))


def test_an_unknown_user_is_not_found(bank: Bank) -> None:
    for arguments in (("disable", unique_email()), ("enable", unique_email()), ("role", unique_email(), "staff")):
        assert "no user with this e-mail" in failed(flask(bank, "users", *arguments))


def test_one_key_of_a_customer_is_revoked(bank: Bank) -> None:
    ada = bank.customer()
    leaked, other = make(ada, name="Leaked"), make(ada)
    assert "Leaked" in done(flask(bank, "api-keys", "revoke", leaked["id"]))
    refused(bearer(bank, leaked).get("/accounts"), 401, "api_key_revoked")
    ok(bearer(bank, other).get("/accounts"))
    revoked = [event for event in stream(bank.app, ada) if event["type"] == "api_key.revoked"]
    assert [event["resource_id"] for event in revoked] == [leaked["id"]]
    with bank.app.app_context():
        [row] = db.session.scalars(
            select(AuditLog).where(AuditLog.resource_id == leaked["id"], AuditLog.user_id.is_(None))
        )
        assert (row.event_type, row.details["operator"]) == ("api_key_revoke", getpass.getuser())
        assert (row.details["customer_id"], row.details["key_name"]) == (ada.user_id, "Leaked")
    assert "already revoked" in failed(flask(bank, "api-keys", "revoke", leaked["id"]))
    assert "no API key" in failed(flask(bank, "api-keys", "revoke", ids.new()))
    failed(flask(bank, "api-keys", "revoke", "unknown"), 2)


def rows(bank: Bank, model: type[Any]) -> int:
    with bank.app.app_context():
        return db.session.scalars(select(func.count()).select_from(model)).one()


def test_purge_removes_only_tokens_that_ended_long_ago(fresh_bank: Bank) -> None:
    signed_in = clock.now()
    caller = fresh_bank.customer(holder=False)
    ok(caller.post("/auth/otp/enrol", {"password": PASSWORD}))
    ok(fresh_bank.anonymous().post("/auth/login", {"email": unique_email(), "password": "wrong"}), 401)
    stolen = caller.tokens["refresh_token"]
    caller.tokens = ok(caller.post("/auth/refresh", {"refresh_token": stolen}))
    everything = {AuthToken: 2, RefreshToken: 2, Session: 1, LoginThrottle: 1, SecondFactor: 1}

    done(flask(fresh_bank, "tokens", "purge"))
    assert {model: rows(fresh_bank, model) for model in everything} == everything

    with clocks.at(signed_in + timedelta(days=2)):
        done(flask(fresh_bank, "tokens", "purge"))
        # A rotated refresh token is kept, because its session lives for a week and reuse must be recognised.
        assert [rows(fresh_bank, model) for model in everything] == [0, 2, 1, 0, 0]
        body = {"refresh_token": stolen}
        refused(fresh_bank.anonymous().post("/auth/refresh", body), 401, "refresh_token_reused")
    audited = rows(fresh_bank, AuditLog)

    with clocks.at(signed_in + timedelta(days=38)):
        output = done(flask(fresh_bank, "tokens", "purge"))
    assert [rows(fresh_bank, model) for model in everything] == [0, 0, 0, 0, 0]
    assert [line.split(maxsplit=1) for line in output.splitlines() if "timestamp" not in line][1:3] == [
        ["2", "refresh tokens"],
        ["1", "sessions"],
    ]
    assert rows(fresh_bank, AuditLog) == audited
    fresh_bank.signed_in(caller.email)


def test_purge_works_through_many_batches(fresh_bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bankapp.repositories.purging.BATCH", 2)
    caller = fresh_bank.customer(holder=False)
    for _ in range(4):
        fresh_bank.signed_in(caller.email)
    with clocks.at(clock.now() + timedelta(days=38)):
        assert "5 sessions" in done(flask(fresh_bank, "tokens", "purge"))
    assert rows(fresh_bank, Session) == 0
