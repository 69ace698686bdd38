"""A ledger with rows of every kind, and the raw SQL that writes to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bankapp import clock, ids
from bankapp.services.ledger import cash_account_id
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok
from tests.support.raw_sql import RawSql

SIGNS = {"deposit": 1, "transfer_in": 1, "cash_paid": 1, "card_settlement": 1}


@dataclass
class Books:
    """Accounts: ``a`` (100.00 EUR) and ``b`` (5.00), ``usd``, ``frozen`` and ``closed``; one transfer from a to b."""

    bank: Bank
    raw: RawSql
    ada: Caller
    bob: Caller
    facts: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.facts[name]
        except KeyError:
            raise AttributeError(name) from None

    def transfer(
        self, posting: str, source: str, target: str, amount: int = 1, reverses: str = "", /, **changed: Any
    ) -> str:
        row = {"id": posting, "from_account_id": source, "to_account_id": target, "amount": amount}
        row |= {"currency": "EUR", "reverses_transfer_id": reverses or None, "created_at": self.now}
        return insert("transfers", row | changed)

    @contextmanager
    def hold(self, amount: int) -> Iterator[str]:
        """Hold ``amount`` on ``b`` until the block ends; yields the id of the authorization."""
        order = {"amount": amount, "currency": "EUR", "merchant": "Bakery"}
        hold = ok(self.bob.post(f"/cards/{self.card}/authorizations", order), 201)["id"]
        yield hold
        ok(self.bob.post(f"/authorizations/{hold}/void"))

    def posting(self, posting: str, kind: str, **changed: Any) -> str:
        return insert("postings", {"id": posting, "kind": kind, "created_at": self.now} | changed)

    def leg(self, posting: str, account: str, type: str, amount: int = 1, /, ahead: int = 0, **changed: Any) -> str:
        """Return the INSERT of a leg that continues its account after ``ahead`` legs of one unit, with changes."""
        row = self.leg_row(posting, account, type, amount, ahead) | changed
        verb = str(row.pop("verb", "INSERT"))
        return insert("transactions", row, verb)

    def leg_row(self, posting: str, account: str, type: str, amount: int = 1, ahead: int = 0) -> dict[str, Any]:
        sign = SIGNS.get(type, -1)
        row = {"id": ids.new(), "account_id": account, "posting_id": posting, "type": type, "direction": sign}
        row |= {"amount": amount, "currency": "EUR", "sequence": None, "balance_after": None, "created_at": self.now}
        row["transfer_id"] = posting if type.startswith("transfer") else None
        if account != self.cash:
            [(sequence, balance)] = self.raw.rows(f"SELECT sequence, balance FROM accounts WHERE id = '{account}'")
            row |= {"sequence": sequence + 1 + ahead, "balance_after": balance + sign * (ahead + amount)}
        return row

    def deposit(self, posting: str, amount: int = 1, /, **changed: Any) -> list[str]:
        """Return the statements of a sound deposit on ``a``, with columns of the customer's leg ``changed``."""
        return [
            self.leg(posting, self.a, "deposit", amount, **changed),
            self.leg(posting, self.cash, "cash_received", amount),
            self.posting(posting, "deposit"),
        ]


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def insert(table: str, row: dict[str, Any], verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(literal, row.values()))})"


def statements(caller: Caller) -> dict[str, Any]:
    """Make the statements of January (100 came in) and February (nothing), for an account that moved in March, too.

    Facts: the id of the second statement, and the row of the third, which is not stored.
    """
    account = caller.account()
    for month, amount in ((1, 100), (3, 1), (4, 2)):
        with clocks.at(datetime(2026, month, 10, tzinfo=UTC)):
            caller.deposit(account, amount)
    with clocks.at(datetime(2026, 3, 20, tzinfo=UTC)):
        second, _ = ok(caller.get(f"/accounts/{account['id']}/statements"))["items"]
    row = {"account_id": account["id"], "number": 3, "from_date": "2026-03-01", "to_date": "2026-03-31"}
    row |= {"opening_balance": 100, "closing_balance": 101, "entry_count": 1, "first_sequence": 2, "last_sequence": 2}
    row |= {"holder_name": "Ada Lovelace", "content_hash": "0" * 64, "created_at": "2026-04-01T01:00:00.000000Z"}
    return {"statement_id": second["id"], "next_statement": row}


def make_books(bank: Bank, raw: RawSql) -> Books:
    """Make users and accounts over HTTP, and return them with the ids that tests need."""
    ada, bob, staff = bank.customer(), bank.customer(), bank.employee("admin")
    a, b = ada.account(balance=10_500), bob.account()
    transfer = ok(ada.transfer(a, b, 500), 201)
    frozen, closed, usd = ada.account(balance=100), ada.account(), ada.account("USD", balance=100)
    ok(staff.post(f"/accounts/{frozen['id']}/freeze"))
    ok(ada.post(f"/accounts/{closed['id']}/close"))
    facts = {"a": a["id"], "b": b["id"], "frozen": frozen["id"], "closed": closed["id"], "usd": usd["id"]}
    facts |= {"transfer_id": transfer["id"], "cash": cash_account_id("EUR"), "usd_cash": cash_account_id("USD")}
    [(facts["leg_id"], facts["deposit_id"])] = raw.rows(
        f"SELECT id, posting_id FROM transactions WHERE account_id = '{a['id']}' AND sequence = 1"
    )
    [(facts["audit_id"],)] = raw.rows(f"SELECT id FROM audit_logs WHERE resource_id = '{transfer['id']}'")
    [(facts["holder_id"],)] = raw.rows(f"SELECT holder_id FROM accounts WHERE id = '{a['id']}'")
    facts |= statements(ada)
    facts["card"] = ok(bob.post("/cards", {"account_id": b["id"], "type": "virtual"}), 201)["id"]
    facts["now"] = clock.to_text(clock.now())
    return Books(bank, raw, ada, bob, facts)
