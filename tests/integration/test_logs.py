"""Logs: the lines on standard output, and the secrets that never appear in them."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from bankapp import create_app
from bankapp import logging as bank_logging
from bankapp.services import accounts
from bankapp.services.identity import tokens
from config import ROOT
from tests.support.databases import SECRET, settings
from tests.support.factories import PASSWORD, Bank, ok, refused, unique_email
from tests.support.raw_sql import RawSql

REQUEST_FIELDS = "timestamp level message request_id method path status latency_ms user_id ip device_id".split()
CANARY = "canary-9f3b7c51-in-the-coal-mine"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def output(app: Flask) -> Iterator[io.StringIO]:
    """The output of the root logger's handler at level DEBUG."""
    root = logging.getLogger()
    [handler] = [handler for handler in root.handlers if handler.get_name() == "stdout"]
    assert isinstance(handler, logging.StreamHandler)
    level, stream = root.level, handler.stream
    handler.setStream(written := io.StringIO())
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    handler.setStream(stream)


@pytest.fixture
def lines(output: io.StringIO) -> Lines:
    return lambda: [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_request_is_one_line_with_exactly_the_promised_fields(bank: Bank, lines: Lines) -> None:
    ada = bank.customer()
    ada.get("/accounts?limit=5", headers={"X-Request-Id": "request-4711", "X-Device-Id": "laptop"})
    [line] = [line for line in lines() if line["request_id"] == "request-4711"]
    assert sorted(line) == sorted(REQUEST_FIELDS)
    assert line["timestamp"].endswith("Z")
    assert isinstance(line["latency_ms"], float)
    facts = {name: line[name] for name in ("level", "method", "path", "status", "user_id", "ip", "device_id")}
    assert facts == {
        "level": "info",
        "method": "GET",
        "path": "/v1/accounts",
        "status": 200,
        "user_id": ada.user_id,
        "ip": "127.0.0.1",
        "device_id": "laptop",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/accounts", 405), ("POST", "/auth/login", 400)]
)
def test_a_failing_request_has_one_line(bank: Bank, lines: Lines, method: str, path: str, status: int) -> None:
    bank.customer().request(method, path, headers={"X-Request-Id": "request-4712"})
    line = [line for line in lines() if line["request_id"] == "request-4712"][-1]
    assert (line["status"], sorted(line)) == (status, sorted(REQUEST_FIELDS))


def test_business_events_are_lines_of_their_own_with_the_request_id(bank: Bank, lines: Lines) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    order = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 60, "currency": "EUR"}
    ok(ada.post("/transfers", order, headers={"X-Request-Id": "transfer-posted"}), 201)
    refused(ada.post("/transfers", order, headers={"X-Request-Id": "transfer-refused"}), 422, "insufficient_funds")
    events = [line for line in lines() if line.get("logger") == "bankapp.events"]
    [posted] = [line for line in events if line["request_id"] == "transfer-posted"]
    [refusal] = [line for line in events if line["request_id"] == "transfer-refused"]
    assert (posted["event"], posted["outcome"], posted["amount"]) == ("transfer", "success", 60)
    assert (refusal["event"], refusal["outcome"], refusal["code"]) == ("transfer", "failure", "insufficient_funds")
    assert {"signup", "login", "account_open", "deposit"} <= {line["event"] for line in events}


def test_a_rolled_back_event_is_not_logged(bank: Bank, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the power is gone")

    ada = bank.customer()
    pair = ok(ada.post("/auth/login", {"email": ada.email, "password": PASSWORD}))
    monkeypatch.setattr(tokens, "issue", broken)
    exchange = {"refresh_token": pair["refresh_token"]}
    refused(ada.post("/auth/refresh", exchange), 500, "internal_error")
    assert "token_refresh" not in {line.get("event") for line in lines()}
    monkeypatch.undo()
    ok(ada.post("/auth/refresh", exchange))
    assert [line["outcome"] for line in lines() if line.get("event") == "token_refresh"] == ["success"]


def test_an_unexpected_error_is_one_line_with_its_stack(
    bank: Bank, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> None:
        raise RuntimeError("first line\nsecond line")

    ada = bank.customer()
    monkeypatch.setattr(accounts, "search", broken)
    refused(ada.get("/accounts", headers={"X-Request-Id": "request-4713"}), 500, "internal_error")
    error, access = [line for line in lines() if line["request_id"] == "request-4713"]
    assert (error["level"], access["status"]) == ("error", 500)
    assert "Traceback" in error["exc_info"]
    assert "second line" in error["exc_info"]


@pytest.mark.parametrize("message", ["zażółć", "one\u2028two", "\udc80", 2**70, "<Ada>"])
def test_every_message_is_one_line_of_ascii(app: Flask, output: io.StringIO, lines: Lines, message: Any) -> None:
    logging.getLogger("bankapp.test").info("it says %s", message, extra={"said": message})
    assert output.getvalue().isascii()
    [line] = lines()
    assert (line["message"], line["said"]) == (f"it says {message}", message)


def test_no_secret_reaches_a_log(bank: Bank, output: io.StringIO) -> None:
    email, password, later = unique_email(), f"{CANARY}-1", f"{CANARY}-2"
    person = {"first_name": "Ada", "last_name": "Lovelace", "dob": "1990-12-10"}
    anonymous = bank.anonymous(Cookie=f"session={CANARY}")
    ok(anonymous.post("/auth/signup", {"email": email, "password": password} | person), 201)
    anonymous.post("/auth/signup", {"email": email, "password": password, "surprise": CANARY})
    anonymous.post("/auth/signup", {"email": email, "password": [CANARY]})
    anonymous.post("/auth/login", {"email": email, "password": f"wrong-{CANARY}"})
    anonymous.post("/auth/login", data=f'{{"password": "{CANARY}"', content_type="application/json")
    anonymous.get("/accounts", headers={"Authorization": f"Bearer {CANARY}"})
    anonymous.get(f"/accounts?access_token={CANARY}")
    anonymous.post("/auth/refresh", {"refresh_token": CANARY})
    ada = bank.signed_in(email, password)
    secrets = {CANARY, *(ada.tokens[name] for name in ("access_token", "refresh_token"))}
    first = ada.tokens
    ada.tokens = ok(ada.post("/auth/refresh", {"refresh_token": first["refresh_token"]}))
    secrets |= {ada.tokens[name] for name in ("access_token", "refresh_token")}
    account = ada.account(balance=100)
    secrets.add(ok(ada.post("/cards", {"account_id": account["id"], "type": "virtual"}, key="c-1"), 201)["pan"])
    ok(ada.post("/cards", {"account_id": account["id"], "type": "virtual"}, key="c-1"), 201)
    ada.post("/auth/password", {"current_password": f"wrong-{CANARY}", "new_password": later})
    ok(ada.post("/auth/password", {"current_password": password, "new_password": later}), 204)
    refused(anonymous.post("/auth/refresh", {"refresh_token": first["refresh_token"]}), 401, "refresh_token_reused")
    ada.get("/accounts")
    written = output.getvalue()
    assert len(written.splitlines()) > 20
    assert not [secret for secret in secrets if secret in written]


def test_an_unexpected_database_error_reveals_no_stored_values(
    fresh_bank: Bank, raw_sql: Callable[..., RawSql], output: io.StringIO
) -> None:
    email = f"{CANARY}@example.com"
    with raw_sql(fresh_bank.app) as owner:
        owner.run("ALTER TABLE users RENAME COLUMN status TO state")
    refused(fresh_bank.anonymous().post("/auth/login", {"email": email, "password": PASSWORD}), 500, "internal_error")
    assert "Traceback" in output.getvalue()
    assert CANARY not in output.getvalue()


def test_a_console_message_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    config = bank_logging.settings("INFO", "console")["formatters"]["console"]
    formatter = config["()"](config["format"])
    record = logging.LogRecord("bankapp.access", logging.INFO, __file__, 1, "GET /a\nb 404", None, None)
    record.request_id = "request-4714"
    assert formatter.format(record).endswith(r"INFO    bankapp.access [request-4714] GET /a\nb 404")


def test_settings_choose_level_and_format(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = logging.getLogger().level
    url = f"sqlite:///{tmp_path}/bank.sqlite3"
    try:
        create_app(settings(url, LOG_FORMAT="console", LOG_LEVEL="WARNING"))
        logging.getLogger("bankapp.test").info("not this")
        logging.getLogger("bankapp.test").warning("but this")
        assert "but this" in (written := capsys.readouterr().out)
        assert "not this" not in written
        assert not written.startswith("{")
    finally:
        bank_logging.configure(logging.getLevelName(before), "json")


def test_the_output_of_a_command_has_no_log_lines(sqlite_template: Path) -> None:
    database = f"sqlite:///{sqlite_template}"
    environ = {"PATH": os.environ["PATH"], "BANKAPP_ENV": "production", "DATABASE_URL": database, "JWT_SECRET": SECRET}
    command = [sys.executable, "-m", "flask", "audit", "verify", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["ok"] is True
    assert json.loads(done.stderr.splitlines()[0])["message"].startswith("production on SQLite")
