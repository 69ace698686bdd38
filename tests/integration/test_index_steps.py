"""Queries on a long history take few steps into an index, also with old statistics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from bankapp.extensions import db
from tests.support.factories import Bank, ok
from tests.support.streams import number

BY_TIME = "ix_transactions_account_id_created_at_sequence"
BY_PAIR = "ix_transfers_from_account_id_to_account_id_created_at"
BY_SEQUENCE = "uq_transactions_account_id_sequence"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


@pytest.mark.parametrize(
    ("path", "index", "column", "rows"),
    [
        ("/accounts/{id}/balance?at={middle}", BY_TIME, "created_at", 1),
        ("/transactions?account_id={id}", BY_SEQUENCE, "sequence", 21),
        ("/transactions?account_id={id}&limit=40", BY_SEQUENCE, "sequence", 51),
        ("/transactions?account_id={id}&cursor={cursor}", BY_SEQUENCE, "sequence", 21),
    ],
)
def test_a_history_query_takes_few_steps_into_an_index(
    fresh_bank: Bank, path: str, index: str, column: str, rows: int
) -> None:
    ada = fresh_bank.customer()
    busy, other = ada.account(balance=10_000), ada.account(balance=10_000)
    there, back = ((one["id"], two["id"]) for one, two in ((busy, other), (other, busy)))
    for _ in range(2):
        orders = [
            {"from_account_id": source, "to_account_id": target, "amount": 1, "currency": "EUR"}
            for source, target in [there, back] * 500
        ]
        ok(ada.post("/transfers/batch", {"transfers": orders}))
    page = ok(ada.get(f"/transactions?account_id={busy['id']}"))
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "balance_after" in statement:
            asked.append((statement, parameters))

    with fresh_bank.app.app_context(), db.engine.connect() as connection:
        event.listen(db.engine, "before_cursor_execute", note)
        ok(ada.get(path.format(id=busy["id"], middle=page["items"][-1]["created_at"], cursor=page["next_cursor"])))
        event.remove(db.engine, "before_cursor_execute", note)
        [(statement, parameters)] = asked
        if connection.dialect.name == "sqlite":
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            [search] = [step for step in plan if "transactions" in step]
            assert re.fullmatch(
                rf"SEARCH transactions USING INDEX \S+ \(\(account_id,{column}\)<\(\?,\?\)\)", search
            ), plan
        else:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            answer = connection.exec_driver_sql(explain, parameters).scalar_one()
            plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
            [limit] = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
            [scan] = [node for node in nodes(plan) if node.get("Relation Name") == "transactions"]
            assert limit["Plans"] == [scan]
            assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", index), plan
            assert scan["Scan Direction"] == "Backward"
            assert "account_id" in scan["Index Cond"]
            assert column in scan["Index Cond"]
            assert scan["Actual Rows"] == rows


def test_events_are_found_by_indexes(fresh_bank: Bank) -> None:
    """A query that no partial index fits would read all events of the bank, and so would a trigger at each insert."""
    ada, admin = fresh_bank.customer(), fresh_bank.employee("admin")
    account = ada.account(balance=5)
    # The conditions of the triggers, with values.
    asked: dict[str, Any] = {
        "SELECT 1 FROM events WHERE position = 5": (),
        f"SELECT 1 FROM events WHERE user_id = '{ada.user_id}' AND user_position = 5": (),
    }

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM events" in statement:
            asked[statement] = parameters

    with fresh_bank.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    number(fresh_bank.app)
    for query in ("", "?after=0", f"?after=0&type=account.opened&resource_id={account['id']}"):
        ok(ada.get(f"/events{query}"))
    ok(admin.get("/events?stream=bank&after=0"))
    event.remove(engine, "before_cursor_execute", note)
    assert len(asked) > 8
    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            # The table is too small for an index to pay.
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in asked.items():
            explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
            rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
            plan = "\n".join(str(row[-1]) for row in rows)
            assert not re.search(r"Seq Scan on events|SCAN events(?! USING)", plan), (statement, plan)


def test_the_last_payment_to_a_payee_is_one_step_into_an_index(fresh_bank: Bank) -> None:
    ada, grace = fresh_bank.customer(), fresh_bank.customer()
    source, target, never_paid = ada.account(balance=1_000), grace.account(), grace.account()
    order = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 1, "currency": "EUR"}
    ok(ada.post("/transfers/batch", {"transfers": [order] * 500}))
    for account in (target, never_paid):
        ok(ada.post("/payees", {"name": "Grace Hopper", "account_number": account["number"]}), 201)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM payees" in statement:
            asked.append((statement, parameters))

    with fresh_bank.app.app_context(), db.engine.connect() as connection:
        event.listen(db.engine, "before_cursor_execute", note)
        ok(ada.get("/payees"))
        event.remove(db.engine, "before_cursor_execute", note)
        [(statement, parameters)] = asked
        if connection.dialect.name == "sqlite":
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            [search] = [step for step in plan if "transfers" in step]
            assert search.endswith(f"USING INDEX {BY_PAIR} (from_account_id=? AND to_account_id=?)"), plan
        else:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            answer = connection.exec_driver_sql(explain, parameters).scalar_one()
            plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
            [scan] = [node for node in nodes(plan) if node.get("Relation Name") == "transfers"]
            assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", BY_PAIR), plan
            assert scan["Actual Rows"] <= 1
            assert scan.get("Rows Removed by Filter", 0) == 0
