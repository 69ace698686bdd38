"""API keys: making, listing, rolling and revoking them, and what they leave in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from bankapp import clock, ids
from bankapp.db import dialects
from bankapp.extensions import db
from bankapp.services.identity import api_key_secrets, api_keys, users
from config import Production
from tests.support import clocks
from tests.support.api_keys import bearer, make, order
from tests.support.databases import SECRET, application
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused
from tests.support.raw_sql import RawSql
from tests.support.statements import before_statement, statements
from tests.support.tokens import claims_of

DAY = 24 * 3600


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def rows(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    return list(ok(caller.get(f"/audit-logs?limit=100{query}"))["items"])


def test_a_key_acts_as_its_owner(bank: Bank, ada: Caller) -> None:
    account = ada.account(balance=500)
    key = make(ada, name="  Payroll ", scopes=["transfers:write", "accounts:read"])
    assert re.fullmatch(api_key_secrets.PATTERN, key["secret"])
    assert {name: key[name] for name in ("name", "scopes", "account_ids", "ip_allowlist", "revoked_at")} == {
        "name": "Payroll",
        "scopes": ["accounts:read", "transfers:write"],
        "account_ids": None,
        "ip_allowlist": None,
        "revoked_at": None,
    }
    assert (key["last4"], key["last_used_at"]) == (key["secret"][-4:], None)
    server = bearer(bank, key)
    assert ok(server.get(f"/accounts/{account['id']}"))["balance"] == 500
    target = bank.customer().account()
    ok(server.transfer(account, target, 200, key="salary"), 201)
    assert ok(server.transfer(account, target, 200, key="salary"), 201)
    assert ada.balance(account) == 300


def test_only_the_answers_that_make_a_secret_have_it(ada: Caller) -> None:
    key = make(ada)
    shown = {name: value for name, value in key.items() if name != "secret"}
    assert ok(ada.get(f"/api-keys/{key['id']}")) == shown
    assert ok(ada.get("/api-keys"))["items"] == [shown]
    body = {"overlap_seconds": 0, "password": PASSWORD}
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", body))
    assert (rolled["id"], rolled["last4"]) == (key["id"], rolled["secret"][-4:])
    assert rolled["secret"] != key["secret"]
    assert "secret" not in ok(ada.get(f"/api-keys/{key['id']}"))


def test_only_the_digest_of_a_secret_is_stored(bank: Bank, ada: Caller) -> None:
    key = make(ada)
    with bank.app.app_context():
        query = text("SELECT * FROM api_keys WHERE id = :id")
        [stored] = db.session.execute(query, {"id": key["id"]}).all()
    assert api_key_secrets.digest(key["secret"]) in stored
    assert key["secret"][:-4] not in str(stored)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 81}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["accounts:read", "accounts:read"]}, "scopes"),
        ({"scopes": ["accounts:admin"]}, "scopes"),
        ({"scopes": ["staff"]}, "scopes"),
        ({"account_ids": []}, "account_ids"),
        ({"account_ids": ["1"]}, "account_ids"),
        ({"account_ids": [ids.new()]}, "account_ids"),
        ({"ip_allowlist": []}, "ip_allowlist"),
        ({"ip_allowlist": ["203.0.113.1/24"]}, "ip_allowlist"),
        ({"ip_allowlist": ["203.0.113.0/33"]}, "ip_allowlist"),
        ({"ip_allowlist": ["example.com"]}, "ip_allowlist"),
        ({"ip_allowlist": ["::ffff:203.0.113.0/120"]}, "ip_allowlist"),
        ({"ip_allowlist": ["fe80::1%eth0"]}, "ip_allowlist"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
    ],
    ids=str,
)
def test_a_key_that_cannot_be_made(ada: Caller, change: dict[str, Any], field: str) -> None:
    problem = refused(ada.post("/api-keys", order(**change)), 422, "validation_error")
    assert [path.partition(".")[0] for path in problem["errors"]] == [field]
    assert ok(ada.get("/api-keys"))["items"] == []


def test_a_key_is_not_made_for_the_account_of_another(bank: Bank, ada: Caller) -> None:
    mine, theirs = ada.account(), bank.customer().account()
    problem = refused(ada.post("/api-keys", order(account_ids=[mine["id"], theirs["id"]])), 422, "validation_error")
    assert problem["errors"] == {"account_ids": [f"You have no account {theirs['id']}."]}
    staff = bank.employee("admin")
    refused(staff.post("/api-keys", order(account_ids=[theirs["id"]])), 422, "validation_error")


def test_a_key_lives_a_year_at_most(ada: Caller) -> None:
    make(ada, expires_at=clock.to_text(clocks.ago(days=-365)))
    make(ada, expires_at=clock.to_text(clocks.ago(days=-366)))
    longer = order(expires_at=clock.to_text(clocks.ago(days=-366, minutes=-1)))
    assert list(refused(ada.post("/api-keys", longer), 422, "validation_error")["errors"]) == ["expires_at"]


def test_a_user_has_fifty_live_keys_at_most(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api_keys.MAX_KEYS == 50
    monkeypatch.setattr(api_keys, "MAX_KEYS", 3)
    short = make(ada, expires_at=clock.to_text(clocks.ago(days=-1)))
    first, _ = make(ada), make(ada)
    refused(ada.post("/api-keys", order()), 422, "limit_exceeded")
    ok(ada.delete(f"/api-keys/{first['id']}"), 204)
    make(ada)
    refused(ada.post("/api-keys", order()), 422, "limit_exceeded")
    # A roll makes no key.
    ok(ada.post(f"/api-keys/{short['id']}/roll", {"password": PASSWORD, "overlap_seconds": 0}))


@pytest.mark.parametrize("action", ["create", "roll"])
def test_the_password_is_asked_for(ada: Caller, action: str) -> None:
    key = make(ada)
    path, body = ("/api-keys", order()) if action == "create" else (f"/api-keys/{key['id']}/roll", overlap(0))
    refused(ada.post(path, body | {"password": "wrong"}), 401, "invalid_credentials")
    del body["password"]
    assert list(refused(ada.post(path, body), 422, "validation_error")["errors"]) == ["password"]
    [failure] = rows(ada, f"&event_type=api_key_{action}")[:1]
    assert (failure["status"], failure["metadata"]) == ("failure", {"code": "invalid_credentials"})
    for _ in range(9):
        refused(ada.post(path, body | {"password": "wrong"}), 401, "invalid_credentials")
    refused(ada.post(path, body | {"password": PASSWORD}), 429, "rate_limited")


@pytest.mark.parametrize("action", ["create", "roll"])
def test_the_code_of_a_second_factor_is_asked_for(bank: Bank, action: str) -> None:
    caller = bank.customer()
    key = make(caller)
    path, body = ("/api-keys", order()) if action == "create" else (f"/api-keys/{key['id']}/roll", overlap(0))
    secret = ok(caller.post("/auth/otp/enrol", {"password": PASSWORD}))["secret"]
    ok(caller.post("/auth/otp/confirm", {"otp": pyotp.TOTP(secret).at(clock.now())}))
    refused(caller.post(path, body), 401, "otp_required")
    refused(caller.post(path, body | {"otp": "000000"}), 401, "invalid_credentials")
    code = pyotp.TOTP(secret).at(clock.now(), counter_offset=1)
    status = 201 if action == "create" else 200
    ok(caller.post(path, body | {"otp": code}), status)
    refused(caller.post(path, body | {"otp": code}), 401, "invalid_credentials")


def overlap(seconds: int) -> dict[str, Any]:
    return {"overlap_seconds": seconds, "password": PASSWORD}


def test_a_roll_lets_both_secrets_count_for_the_overlap(bank: Bank, ada: Caller) -> None:
    key = make(ada)
    old = bearer(bank, key)
    ok(old.get("/accounts"))
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", overlap(DAY)))
    new = bearer(bank, rolled)
    for server in (old, new):
        ok(server.get("/accounts"))
    with clocks.at(clock.now() + timedelta(seconds=DAY - 60)):
        ok(old.get("/accounts"))
    with clocks.at(clock.now() + timedelta(seconds=DAY + 1)):
        refused(old.get("/accounts"), 401, "api_key_expired")
        ok(new.get("/accounts"))


def test_an_overlap_of_nothing_ends_the_old_secret_at_once(bank: Bank, ada: Caller) -> None:
    key = make(ada)
    ok(bearer(bank, key).get("/accounts"))
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", overlap(0)))
    refused(bearer(bank, key).get("/accounts"), 401, "api_key_expired")
    ok(bearer(bank, rolled).get("/accounts"))


def test_a_second_roll_ends_the_oldest_secret(bank: Bank, ada: Caller) -> None:
    first = make(ada)
    warm = bearer(bank, first)
    ok(warm.get("/accounts"))
    second = ok(ada.post(f"/api-keys/{first['id']}/roll", overlap(DAY)))
    third = ok(ada.post(f"/api-keys/{first['id']}/roll", overlap(DAY)))
    refused(warm.get("/accounts"), 401, "token_invalid")
    for key in (second, third):
        ok(bearer(bank, key).get("/accounts"))


def test_a_roll_never_prolongs_a_key(bank: Bank, ada: Caller) -> None:
    key = make(ada, expires_at=clock.to_text(clocks.ago(hours=-1)))
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", overlap(7 * DAY)))
    assert rolled["previous_expires_at"] == rolled["expires_at"] == key["expires_at"]
    with clocks.at(clock.now() + timedelta(hours=2)):
        for secret in (key, rolled):
            refused(bearer(bank, secret).get("/accounts"), 401, "api_key_expired")


@pytest.mark.parametrize("seconds", [-1, 7 * DAY + 1, "1", None])
def test_an_overlap_lasts_seven_days_at_most(ada: Caller, seconds: Any) -> None:
    path = f"/api-keys/{make(ada)['id']}/roll"
    problem = refused(ada.post(path, overlap(0) | {"overlap_seconds": seconds}), 422, "validation_error")
    assert list(problem["errors"]) == ["overlap_seconds"]
    ok(ada.post(path, overlap(7 * DAY)))


def test_a_revoked_or_expired_key_is_not_rolled(ada: Caller) -> None:
    key, short = make(ada), make(ada, expires_at=clock.to_text(clocks.ago(minutes=-1)))
    ok(ada.delete(f"/api-keys/{key['id']}"), 204)
    refused(ada.post(f"/api-keys/{key['id']}/roll", overlap(0)), 409, "state_conflict")
    with clocks.at(clock.now() + timedelta(minutes=2)):
        refused(ada.post(f"/api-keys/{short['id']}/roll", overlap(0)), 409, "state_conflict")


def test_revocation_ends_every_secret_at_once_and_may_be_repeated(bank: Bank, ada: Caller) -> None:
    key = make(ada)
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", overlap(DAY)))
    for secret in (key, rolled):
        ok(bearer(bank, secret).get("/accounts"))
    ok(ada.delete(f"/api-keys/{key['id']}"), 204)
    for secret in (key, rolled):
        refused(bearer(bank, secret).get("/accounts"), 401, "api_key_revoked")
    revoked_at = ok(ada.get(f"/api-keys/{key['id']}"))["revoked_at"]
    ok(ada.delete(f"/api-keys/{key['id']}"), 204)
    assert ok(ada.get(f"/api-keys/{key['id']}"))["revoked_at"] == revoked_at
    assert len(rows(ada, "&event_type=api_key_revoke")) == 1


def test_an_expired_key_is_refused(bank: Bank, ada: Caller) -> None:
    server = bearer(bank, make(ada, expires_at=clock.to_text(clocks.ago(hours=-1))))
    ok(server.get("/accounts"))
    with clocks.at(clock.now() + timedelta(hours=1, seconds=1)):
        refused(server.get("/accounts"), 401, "api_key_expired")
        refused(server.get("/currencies?limit=1"), 401, "api_key_expired")


def test_a_new_password_and_the_end_of_all_sessions_leave_keys_alone(bank: Bank, ada: Caller) -> None:
    server = bearer(bank, make(ada))
    ok(ada.delete("/auth/sessions"), 204)
    ok(server.get("/accounts"))
    again = bank.signed_in(ada.email)
    ok(again.post("/auth/password", {"current_password": PASSWORD, "new_password": "copper-walrus-naps-42"}), 204)
    ok(server.get("/accounts"))


@pytest.mark.parametrize("change", ["status", "role"])
def test_the_keys_of_a_disabled_user_and_of_another_role_are_revoked(bank: Bank, ada: Caller, change: str) -> None:
    server = bearer(bank, make(ada))
    ok(server.get("/accounts"))
    with bank.app.app_context():
        if change == "role":
            users.set_role(ada.email, "staff", operator="test")
        else:
            users.disable(ada.email, operator="test")
            users.enable(ada.email, operator="test")
    refused(server.get("/accounts"), 401, "api_key_revoked")
    admin = bank.employee("admin")
    changes = rows(admin, "&event_type=user_change")
    assert [row["metadata"]["api_keys_revoked"] for row in changes if row["resource_id"] == ada.user_id][-1] == 1


def test_a_key_of_a_user_who_is_not_active_is_refused_though_it_is_not_revoked(
    fresh_bank: Bank, raw_sql: Callable[..., RawSql]
) -> None:
    ada = fresh_bank.customer()
    server = bearer(fresh_bank, make(ada))
    ok(server.get("/accounts"))
    with raw_sql(fresh_bank.app) as raw:
        raw.run(f"UPDATE users SET status = 'disabled' WHERE id = '{ada.user_id}'")
    refused(server.get("/accounts"), 401, "api_key_revoked")


def test_a_scope_of_a_newer_release_is_ignored(bank: Bank, ada: Caller, raw_sql: Callable[..., RawSql]) -> None:
    key = make(ada)
    with raw_sql(bank.app) as raw:
        newer = '["accounts:read", "loans:write"]'
        raw.run(f"UPDATE api_keys SET scopes = '{newer}' WHERE id = '{key['id']}'")
    ok(bearer(bank, key).get("/accounts"))
    refused(bearer(bank, key).get("/cards"), 403, "insufficient_scope")
    assert ok(ada.get(f"/api-keys/{key['id']}"))["scopes"] == ["accounts:read", "loans:write"]


def test_keys_of_others_look_like_none(bank: Bank, ada: Caller) -> None:
    path, eve = f"/api-keys/{make(ada)['id']}", bank.customer()
    for caller in (eve, bank.employee("admin")):
        refused(caller.get(path), 404, "not_found")
        refused(caller.delete(path), 404, "not_found")
        refused(caller.post(f"{path}/roll", overlap(0)), 404, "not_found")
        assert ok(caller.get("/api-keys"))["items"] == []


def test_a_malformed_secret_costs_no_statement(bank: Bank, ada: Caller) -> None:
    secret = make(ada)["secret"]
    wrong = ["bk_test_x", secret[:-1] + ("0" if secret[-1] != "0" else "1"), secret.replace("test", "live"), "bk_"]
    for text_ in wrong:
        with statements(bank.app) as executed:
            refused(bearer(bank, {"secret": text_}).get("/accounts"), 401, "token_invalid")
        assert executed == []


def test_a_well_formed_secret_that_nobody_has_is_invalid(bank: Bank) -> None:
    with bank.app.app_context():
        server = bearer(bank, {"secret": api_key_secrets.new()})
    for _ in range(2):
        refused(server.get("/accounts"), 401, "token_invalid")


def test_the_first_statement_checks_the_key(bank: Bank, ada: Caller) -> None:
    account, server = ada.account(balance=100), bearer(bank, make(ada))
    ok(server.get(f"/accounts/{account['id']}"))  # the process learns what the key may do
    for path in (f"/accounts/{account['id']}", "/currencies?limit=1", f"/transactions?account_id={account['id']}"):
        with statements(bank.app) as executed:
            ok(server.get(path))
        assert ["api_keys" in statement for statement in executed] == [True], path
    target = bank.customer().account()
    counts = []
    for caller in (ada, server):
        ok(caller.transfer(account, target, 1, key=ids.new()), 201)
        with statements(bank.app) as executed:
            ok(caller.transfer(account, target, 1, key=ids.new()), 201)
        counts.append(len(executed))
    assert counts[0] == counts[1]


def test_a_key_that_is_revoked_in_the_middle_moves_no_money(bank: Bank, ada: Caller) -> None:
    account, target = ada.account(balance=100), bank.customer().account()
    key = make(ada)
    server = bearer(bank, key)
    ok(server.get("/accounts"))
    revoke: Callable[[], TestResponse] = lambda: ok(ada.delete(f"/api-keys/{key['id']}"), 204)  # noqa: E731
    with before_statement(bank.app, "api_keys", revoke):
        refused(server.transfer(account, target, 1, key="rent"), 401, "api_key_revoked")
    assert ada.balance(account) == 100
    assert [row["event_type"] for row in rows(ada)][:2] == ["api_key_revoke", "api_key_create"]


def test_a_revoked_key_reads_and_writes_nothing(bank: Bank, ada: Caller) -> None:
    account, target, key = ada.account(balance=100), bank.customer().account(), make(ada)
    server = bearer(bank, key)
    ok(server.get("/accounts"))
    ok(ada.delete(f"/api-keys/{key['id']}"), 204)
    before = rows(ada)
    for attempt in (
        lambda: server.get(f"/accounts/{account['id']}"),
        lambda: server.get("/currencies"),
        lambda: server.post("/auth/logout"),
        lambda: server.post("/transfers", {"amount": "many"}),
        lambda: server.transfer(account, target, 1),
        lambda: server.transfer(account, target, 1, key="rent"),
        lambda: server.move(account, 1, "deposit", key="cash"),
    ):
        with statements(bank.app) as executed:
            refused(attempt(), 401, "api_key_revoked")
        assert all("api_keys" in statement for statement in executed)
    assert rows(ada) == before


def test_the_last_use_is_stored_once_a_minute(bank: Bank, ada: Caller) -> None:
    key = make(ada)
    server = bearer(bank, key)

    def used_at() -> str:
        return str(ok(ada.get(f"/api-keys/{key['id']}"))["last_used_at"])

    start = clock.now()
    with clocks.at(start):
        ok(server.get("/accounts"))
        assert used_at() == clock.to_text(start)
    with clocks.at(start + timedelta(seconds=59)), statements(bank.app) as executed:
        ok(server.get("/currencies?limit=1"))
        assert not any("UPDATE api_keys" in statement for statement in executed)
    assert used_at() == clock.to_text(start)
    later = start + timedelta(seconds=61)
    with clocks.at(later), statements(bank.app) as executed:
        # A refused request is a use, too.
        refused(server.get(f"/accounts/{ids.new()}"), 404, "not_found")
        assert sum("UPDATE api_keys" in statement for statement in executed) == 1
    with clocks.at(later):
        assert used_at() == clock.to_text(later)


def test_a_locked_row_neither_delays_nor_fails_a_request(
    new_database: Callable[[], str],
    make_app: Callable[..., Flask],
    raw_sql: Callable[..., RawSql],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A request that waits for a lock waits for minutes here, so the time that the request takes needs no measure.
    for timeout in ("LOCK_TIMEOUT_MS", "STATEMENT_TIMEOUT_MS", "SQLITE_BUSY_TIMEOUT_MS"):
        monkeypatch.setattr(dialects, timeout, 300_000)
    bank = Bank(make_app(new_database()))
    ada = bank.customer()
    key = make(ada)
    answers: list[TestResponse] = []
    request = Thread(target=lambda: answers.append(bearer(bank, key).get("/accounts")))
    with raw_sql(bank.app) as raw:
        is_sqlite = raw.dialect == "sqlite"
        raw.connection.execute("BEGIN IMMEDIATE" if is_sqlite else "BEGIN")
        raw.connection.execute("SELECT * FROM api_keys" if is_sqlite else "SELECT * FROM api_keys FOR UPDATE")
        request.start()
        request.join(60)
        has_waited = request.is_alive()
        raw.connection.execute("ROLLBACK")
        request.join()
    assert not has_waited
    ok(answers[0])
    assert ok(ada.get(f"/api-keys/{key['id']}"))["last_used_at"] is None
    ok(bearer(bank, key).get("/accounts"))
    assert ok(ada.get(f"/api-keys/{key['id']}"))["last_used_at"] is not None


def test_audit_rows_name_the_key(bank: Bank, ada: Caller) -> None:
    account = ada.account(balance=100)
    key, other = make(ada, name="Payroll"), make(ada, name="Reports")
    server = bearer(bank, key)
    target = bank.customer().account()
    ok(server.transfer(account, target, 1, key="k"), 201)
    refused(server.transfer(account, target, 1_000), 422, "insufficient_funds")
    order_ = {"from_account_id": account["id"], "to_account_id": target["id"], "amount": 1_000, "currency": "EUR"}
    refused(server.post("/transfers/batch", {"transfers": [order_]}), 422, "insufficient_funds")
    made = rows(ada, f"&api_key_id={key['id']}")
    # One of the failed transfers is the part of the batch.
    assert sorted((row["event_type"], row["status"]) for row in made) == [
        ("transfer", "failure"),
        ("transfer", "failure"),
        ("transfer", "success"),
        ("transfer_batch", "failure"),
    ]
    assert {(row["api_key_id"], row["api_key_name"], row["user_id"]) for row in made} == {
        (key["id"], "Payroll", ada.user_id)
    }
    assert rows(ada, f"&api_key_id={other['id']}") == []
    admin = bank.employee("admin")
    assert rows(admin, f"&api_key_id={key['id']}") == made
    assert rows(bank.customer(), f"&api_key_id={key['id']}") == []
    assert {row["api_key_id"] for row in rows(ada) if row["id"] not in {one["id"] for one in made}} == {None}


def test_making_rolling_and_revoking_a_key_is_audited(ada: Caller) -> None:
    account = ada.account()
    key = make(ada, scopes=["accounts:read"], account_ids=[account["id"]], ip_allowlist=["203.0.113.7"])
    ok(ada.post(f"/api-keys/{key['id']}/roll", overlap(60)))
    ok(ada.delete(f"/api-keys/{key['id']}"), 204)
    found = rows(ada)[:3]
    assert [row["event_type"] for row in found] == ["api_key_revoke", "api_key_roll", "api_key_create"]
    for row in found:
        assert (row["resource_type"], row["resource_id"], row["status"]) == ("api_key", key["id"], "success")
        assert (row["user_id"], row["metadata"]["key_name"], row["api_key_id"]) == (ada.user_id, "Payroll", None)
    assert found[2]["metadata"] == {
        "key_name": "Payroll",
        "scopes": ["accounts:read"],
        "account_ids": [account["id"]],
        "ip_allowlist": ["203.0.113.7/32"],
        "expires_at": key["expires_at"],
    }
    assert found[1]["metadata"]["overlap_seconds"] == 60


def test_the_secret_is_nowhere_but_in_the_first_answer(
    bank: Bank, ada: Caller, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    account = ada.account(balance=100)
    key = make(ada)
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", overlap(DAY)))
    secrets = [key["secret"], rolled["secret"]]
    answers = []
    for secret in (key, rolled):
        server = bearer(bank, secret)
        answers += [
            server.get("/accounts"),
            server.transfer(account, account, 1),
            server.get("/auth/me"),
            server.get(f"/accounts?secret={secret['secret']}"),
        ]
    refused(ada.get(f"/accounts/{key['secret']}"), 404, "not_found")
    answers += [ada.get("/api-keys"), ada.get("/audit-logs?limit=100")]
    answers += [bank.employee("admin").get(f"/audit-logs?user_id={ada.user_id}")]
    texts = [answer.get_data(as_text=True) for answer in answers]
    logged = [str(vars(record)) for record in caplog.records if "no_such" not in record.getMessage()]
    assert len(logged) > 10
    hidden = [*secrets, *map(api_key_secrets.digest, secrets)]
    assert not [secret for secret in hidden for text_ in texts if secret in text_]
    # The access log has the path that the client sent; a secret does not belong into a path.
    logged = [line for line in logged if f"/accounts/{key['secret']}" not in line]
    assert not [secret for secret in secrets for line in logged if secret in line]
    assert not [secret for secret in secrets if secret in capsys.readouterr().out.replace(f"/accounts/{secret}", "")]


def test_the_access_log_names_the_key(bank: Bank, ada: Caller, caplog: pytest.LogCaptureFixture) -> None:
    key = make(ada)
    caplog.clear()
    ok(bearer(bank, key).get("/accounts"))
    ok(ada.get("/accounts"))
    lines = [vars(record) for record in caplog.records if record.name == "bankapp.access"]
    assert [line.get("api_key_id") for line in lines] == [key["id"], None]
    assert lines[0]["user_id"] == ada.user_id


def test_idempotency_keys_of_an_api_key_are_its_own(bank: Bank, ada: Caller) -> None:
    account, key, other = ada.account(), make(ada), make(ada)
    callers = [ada, bearer(bank, key), bearer(bank, other)]
    for number, caller in enumerate(callers, start=1):
        assert ok(caller.move(account, 5, "deposit", key="same"), 201)["balance_after"] == 5 * number
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", overlap(DAY)))
    again = bearer(bank, rolled).move(account, 5, "deposit", key="same")
    assert ok(again, 201)["balance_after"] == 10
    assert again.headers["Idempotent-Replayed"] == "true"


def test_production_refuses_the_secrets_of_a_test_deployment(bank: Bank, ada: Caller) -> None:
    key = make(ada)
    url = bank.app.config["SQLALCHEMY_DATABASE_URI"]
    config = Production(database_url=url, jwt_secrets=(SECRET,), secret_key=SECRET, bcrypt_rounds=4)
    with application(config.with_changes(ratelimit_enabled=False)) as app:
        live = Bank(app)
        refused(bearer(live, key).get("/accounts"), 401, "token_invalid")
        made = make(Caller(app.test_client(), tokens=ada.tokens))
        assert made["secret"].startswith("bk_live_")
        ok(bearer(live, made).get("/accounts"))
    refused(bearer(bank, made).get("/accounts"), 401, "token_invalid")


def test_a_key_in_another_scheme_or_case(bank: Bank, ada: Caller) -> None:
    secret = make(ada)["secret"]
    ok(bank.anonymous(Authorization=f"bearer {secret}").get("/accounts"))
    refused(bank.anonymous(Authorization=f"Basic {secret}").get("/accounts"), 401, "token_invalid")
    refused(bank.anonymous(Authorization=secret).get("/accounts"), 401, "token_invalid")
    refused(bank.anonymous().get(f"/accounts?access_token={secret}"), 401, "token_missing")


def test_a_token_is_not_taken_for_a_key(ada: Caller) -> None:
    assert claims_of(ada.tokens["access_token"])["sub"] == ada.user_id
    assert not ada.tokens["access_token"].startswith(api_key_secrets.PREFIX)
