"""Card numbers: the answer to the issue shows the number, nothing stores or logs it."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import MetaData, select
from stdnum import luhn

from bankapp import db
from bankapp.extensions import db as extension
from bankapp.logging import settings as log_settings
from tests.support.databases import application, settings
from tests.support.factories import Bank, ok, refused

BIN = "516876"


@pytest.fixture
def branded(new_database: Callable[[], str]) -> Iterator[Flask]:
    with application(settings(new_database(), CARD_BIN=BIN, LOG_LEVEL="DEBUG")) as app:
        yield app


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The log lines of every level, as they are written to standard output."""
    out = io.StringIO()
    formatter = log_settings("DEBUG", "json")["formatters"]["json"]
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter["()"](formatter["format"]))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(level)


def dump() -> str:
    """Every value of every table, as the database stores it."""
    tables = MetaData()
    # The application has no rights on the table of the migrations.
    tables.reflect(extension.engine, only=lambda name, _: name != "alembic_version")
    assert len(tables.tables) > 10
    values: list[str] = []
    for table in tables.sorted_tables:
        for row in extension.session.execute(select(table)):
            values += [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row]
    if db.is_sqlite():
        for file in (extension.engine.url.database, f"{extension.engine.url.database}-wal"):
            with open(file, "rb") as raw:  # noqa: PTH123 - the name is the engine's
                values.append(raw.read().decode("latin-1"))
    return "\n".join(values)


def card_numbers(text: str) -> set[str]:
    """Return every number in ``text``, however grouped, that could be one of the bank's cards."""
    runs = re.findall(r"\d(?:[ -]?\d){12,}", text)
    digits = [re.sub(r"\D", "", run) for run in runs]
    windows = {run[at : at + size] for run in digits for size in range(13, 20) for at in range(len(run) - size + 1)}
    return {number for number in windows if number.startswith(BIN) and luhn.is_valid(number)}


def test_a_card_number_is_neither_stored_nor_logged(branded: Flask, written: io.StringIO) -> None:
    bank = Bank(branded)
    ada = bank.customer()
    account = ada.account(balance=1_000)
    pans = set()
    for index in range(20):
        body = {"account_id": account["id"], "type": "virtual"}
        first = ok(ada.post("/cards", body, key=f"card-{index}"), 201)
        replay = ada.post("/cards", body, key=f"card-{index}")
        assert replay.headers["Idempotent-Replayed"] == "true"
        assert ok(replay, 201) == first | {"pan": None}
        assert len(first["pan"]) == 16
        assert first["pan"].startswith(BIN)
        assert luhn.is_valid(first["pan"])
        assert first["last4"] == first["pan"][-4:]
        assert "pan" not in ok(ada.get(f"/cards/{first['id']}"))
        pans.add(first["pan"])
        card = first
    # Later events must not store it, either: a purchase and a decline.
    ok(ada.post(f"/authorizations/{ada.hold(card, 5)['id']}/capture"))
    refused(ada.authorize(card, 10**6), 422, "insufficient_funds")
    assert len(pans) == 20
    assert min(pans) in card_numbers(f"a {min(pans)} b")
    logs = written.getvalue()
    assert "card_issue" in logs
    with branded.app_context():
        stored = dump()
    assert card["last4"] in stored
    for text in (stored, logs):
        assert not [pan for pan in pans if pan in text]
        assert card_numbers(text) == set()
