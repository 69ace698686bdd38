"""R2: a WSGI function that makes a transfer with the database driver alone, without a framework or a token check.

``BENCH_DSN`` names the database. On PostgreSQL one call of ``bench_transfer`` is one statement and
one commit; on SQLite the same rows are written through Python's own sqlite3.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg

DSN = os.environ.get("BENCH_DSN", "")
_connection: Any = None


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Make one transfer and return its id."""
    body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    move = _sqlite if DSN.startswith("sqlite") else _postgresql
    answer = json.dumps({"id": move(body)}).encode()
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def _postgresql(body: dict[str, Any]) -> str:
    global _connection  # noqa: PLW0603 - the simplest way to have one connection for each worker
    if _connection is None:
        _connection = psycopg.connect(DSN, autocommit=True)
    scope = uuid.uuid4().hex + uuid.uuid4().hex
    row = _connection.execute(
        "SELECT bench_transfer(%s::uuid, %s::uuid, %s, %s::uuid, %s)",
        (body["from_account_id"], body["to_account_id"], body["amount"], body["user_id"], scope),
    ).fetchone()
    return str(row[0])


def _sqlite(body: dict[str, Any]) -> str:
    global _connection  # noqa: PLW0603 - as above
    if _connection is None:
        _connection = sqlite3.connect(DSN.removeprefix("sqlite:///"), timeout=5, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            _connection.execute(f"PRAGMA {pragma}")
    run = _connection.execute
    transfer, audit, scope = str(uuid.uuid4()), str(uuid.uuid4()), uuid.uuid4().hex + uuid.uuid4().hex
    source, target, amount = body["from_account_id"], body["to_account_id"], body["amount"]
    # `flask ledger verify` compares the metadata of an audit row with the transfer.
    metadata = {"from_account_id": source, "to_account_id": target, "amount": amount, "currency": "EUR"}
    run("BEGIN IMMEDIATE")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    run(
        "INSERT INTO idempotency_keys (scope, fingerprint, claim_id, claimed_at) VALUES (?, ?, ?, ?)",
        (scope, scope, audit, now),
    )
    run(
        "INSERT INTO audit_logs (id, user_id, event_type, resource_type, status, request_id, metadata, created_at)"
        " VALUES (?, ?, 'transfer', 'transfer', 'pending', ?, ?, ?)",
        (audit, body["user_id"], transfer, json.dumps(metadata), now),
    )
    state = dict(
        run(
            "SELECT id, json_array(balance, sequence, last_posted_at) FROM accounts WHERE id IN (?, ?)",
            (source, target),
        )
    )
    a, b = json.loads(state[source]), json.loads(state[target])
    moment = max(now, a[2] or "", b[2] or "")
    run(
        "INSERT INTO transfers (id, from_account_id, to_account_id, amount, currency, created_at)"
        " VALUES (?, ?, ?, ?, 'EUR', ?)",
        (transfer, source, target, amount, moment),
    )
    for account, type, direction, before in ((source, "transfer_out", -1, a), (target, "transfer_in", 1, b)):
        run(
            "INSERT INTO transactions (id, account_id, posting_id, transfer_id, type, direction, amount, currency,"
            " sequence, balance_after, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'EUR', ?, ?, ?)",
            (
                str(uuid.uuid4()),
                account,
                transfer,
                transfer,
                type,
                direction,
                amount,
                before[1] + 1,
                before[0] + direction * amount,
                moment,
            ),
        )
    run("INSERT INTO postings (id, kind, created_at) VALUES (?, 'transfer', ?)", (transfer, moment))
    run(
        "UPDATE audit_logs SET status = 'success', resource_id = ?, finished_at = ? WHERE id = ?",
        (transfer, now, audit),
    )
    run(
        "UPDATE idempotency_keys SET finished_at = ?, answer_status = 201, answer_media_type = 'application/json',"
        " answer_body = ? WHERE scope = ?",
        (now, transfer.encode(), scope),
    )
    run("COMMIT")
    return transfer
