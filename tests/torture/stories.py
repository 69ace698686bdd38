"""A small bank in memory that writes the history and the final state of a run, for tests that damage either."""

from __future__ import annotations

import itertools
import json
from typing import Any

from torture.checker import check
from torture.history import FAIL, INFO, OK, Attempt, Entry
from torture.observation import Observation
from torture.operations import Operation

Row = dict[str, Any]


class Story:
    """Two accounts, ``a`` and ``b``. Each method carries out one operation, and returns its entry.

    Each event takes a tick of the clock, so that every operation begins after the end of the one before.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.observation = Observation()
        for name in ("a", "b"):
            account = {"id": name, "balance": 0, "available_balance": 0}
            self.observation.accounts.append(account)
            self.observation.transactions[name] = []
        self._ids = itertools.count(1)
        self._ticks = itertools.count(1)

    def move(self, kind: str, account: str, amount: int) -> Entry:
        operation = self._operation(kind, "/transactions", {"account_id": account, "type": kind, "amount": amount})
        sign = 1 if kind == "deposit" else -1
        row = self._leg(kind, account, sign * amount, operation.id)
        return self.done(operation, row, kind)

    def transfer(self, source: str, target: str, amount: int) -> Entry:
        operation = self._operation("transfer", "/transfers", _order(source, target, amount))
        return self.done(operation, self._transfer(source, target, amount, operation.id), "transfer")

    def batch(self, orders: list[tuple[str, str, int]], refused: set[int] = frozenset()) -> Entry:
        body = {"atomic": False, "transfers": [_order(*order) for order in orders]}
        operation = self._operation("batch", "/transfers/batch", body)
        items = []
        for index, order in enumerate(orders):
            mark = f"{operation.id}/{index}"
            body["transfers"][index]["description"] = mark
            outcome = {"error": {"code": "insufficient_funds"}} if index in refused else None
            items.append({"index": index} | (outcome or {"transfer": self._transfer(*order, mark)}))
        entry = self.done(operation, {"items": items}, "transfer_batch")
        self._audit_parts(entry, refused)
        return entry

    def refused_batch(self, orders: list[tuple[str, str, int]], refused: set[int]) -> Entry:
        body = {"atomic": True, "transfers": [_order(*order) for order in orders]}
        entry = self._entry(self._operation("batch", "/transfers/batch", body))
        errors = {str(index): ["No funds."] for index in refused}
        self._attempt(entry, FAIL, 422, {"code": "insufficient_funds", "errors": errors})
        self.audit(entry.attempts[0].request_id, "transfer_batch", "failure", {"code": "insufficient_funds"})
        self._audit_parts(entry, refused)
        return entry

    def reverse(self, entry: Entry) -> Entry:
        original = entry.answer.body
        operation = self._operation("reversal", f"/transfers/{original['id']}/reversal", None)
        source, target = original["to_account_id"], original["from_account_id"]
        row = self._transfer(source, target, original["amount"], original["description"])
        stored = self.observation.transfers[-1]
        stored["reverses_transfer_id"] = row["reverses_transfer_id"] = original["id"]
        first = next(one for one in self.observation.transfers if one["id"] == original["id"])
        first["reversed_by_transfer_id"] = row["id"]
        return self.done(operation, row, "reversal")

    def hold(self, amount: int) -> Entry:
        operation = self._operation("authorization", "/cards/card/authorizations", {"amount": amount})
        operation.body["merchant"] = operation.id
        row = {"id": self._id(), "card_id": "card", "account_id": "a", "amount": amount, "captured_amount": 0}
        row |= {"currency": "EUR", "merchant": operation.id, "status": "pending", "created_at": "", "expires_at": ""}
        self.observation.authorizations.append(dict(row))
        self.account("a")["available_balance"] -= amount
        return self.done(operation, row, "card_authorization")

    def capture(self, hold: Entry, amount: int) -> Entry:
        row = self.authorization(hold)
        row |= {"status": "captured", "captured_amount": amount}
        self.account("a")["available_balance"] += row["amount"]
        self._leg("card_purchase", "a", -amount, row["merchant"])
        operation = self._operation("capture", f"/authorizations/{row['id']}/capture", {"amount": amount})
        return self.done(operation, dict(row), "card_capture")

    def void(self, hold: Entry) -> Entry:
        row = self.authorization(hold)
        row["status"] = "voided"
        self.account("a")["available_balance"] += row["amount"]
        operation = self._operation("void", f"/authorizations/{row['id']}/void", None)
        return self.done(operation, dict(row), "card_void")

    def refused(self, kind: str, code: str, amount: int = 10**9) -> Entry:
        body = {"account_id": "a", "type": kind, "amount": amount}
        entry = self._entry(self._operation(kind, "/transactions", body))
        self._attempt(entry, FAIL, 422, {"code": code})
        self.audit(entry.attempts[-1].request_id, kind, "failure", {"code": code})
        return entry

    def lost(self, entry: Entry) -> Attempt:
        """Put an attempt without an answer before the others of an entry."""
        attempt = self._attempt(entry, INFO, None, {})
        entry.attempts.insert(0, entry.attempts.pop())
        return attempt

    def refresh(self) -> Entry:
        entry = self._entry(self._operation("refresh", "/auth/refresh", None))
        self._attempt(entry, OK, 200, None)
        self.audit(entry.attempts[-1].request_id, "token_refresh", "success")
        return entry

    def read_history(self, account: str) -> Entry:
        rows = [dict(row) for row in self.observation.transactions[account][:-4:-1]]
        return self._read("read_history", f"/transactions?account_id={account}&limit=3", {"items": rows})

    def read_account(self, account: str) -> Entry:
        return self._read("read_account", f"/accounts/{account}", dict(self.account(account)))

    def account(self, name: str) -> Row:
        return next(row for row in self.observation.accounts if row["id"] == name)

    def authorization(self, hold: Entry) -> Row:
        return next(row for row in self.observation.authorizations if row["id"] == hold.answer.body["id"])

    def audit(self, request_id: str, event_type: str, status: str, metadata: Row | None = None) -> Row:
        row = {"id": self._id(), "request_id": request_id, "event_type": event_type, "status": status}
        row["metadata"] = metadata or {}
        self.observation.audit.append(row)
        return row

    def done(self, operation: Operation, body: Row, event_type: str) -> Entry:
        entry = self._entry(operation)
        self._attempt(entry, OK, 201, body)
        self.audit(entry.attempts[-1].request_id, event_type, "success")
        return entry

    def again(self, entry: Entry, status: int, body: Row) -> Attempt:
        """Add a definite attempt to an entry."""
        return self._attempt(entry, OK if status < 300 else FAIL, status, body)

    def _audit_parts(self, entry: Entry, refused: set[int]) -> None:
        batch_id = self.observation.audit[-1]["id"]
        for index in refused:
            facts = {"batch_id": batch_id, "index": index, "code": "insufficient_funds"}
            self.audit(entry.attempts[-1].request_id, "transfer", "failure", facts)

    def _read(self, kind: str, path: str, body: Row) -> Entry:
        entry = self._entry(Operation(f"t-{self._id()}", kind, "GET", path))
        self._attempt(entry, OK, 200, body)
        return entry

    def _entry(self, operation: Operation) -> Entry:
        self.entries.append(entry := Entry(operation))
        return entry

    def _attempt(self, entry: Entry, outcome: str, status: int | None, body: Row | None) -> Attempt:
        request_id = f"{entry.operation.id}-{len(entry.attempts) + 1}"
        attempt = Attempt(request_id, next(self._ticks), next(self._ticks), outcome, status)
        attempt.text = json.dumps(body) if body else ""
        entry.attempts.append(attempt)
        return attempt

    def _operation(self, kind: str, path: str, body: Row | None) -> Operation:
        operation = Operation(f"t-{self._id()}", kind, "POST", path, body)
        if body is not None and kind in ("deposit", "withdrawal", "transfer"):
            body["description"] = operation.id
        return operation

    def _transfer(self, source: str, target: str, amount: int, mark: str) -> Row:
        row = _order(source, target, amount) | {"id": self._id(), "currency": "EUR", "description": mark}
        row |= {"reverses_transfer_id": None, "reversed_by_transfer_id": None}
        self.observation.transfers.append(dict(row))
        self._leg("transfer_out", source, -amount, mark, row["id"])
        self._leg("transfer_in", target, amount, mark, row["id"])
        return row

    def _leg(self, kind: str, account: str, change: int, mark: str, transfer_id: str | None = None) -> Row:
        found = self.account(account)
        found["balance"] += change
        found["available_balance"] += change
        row = {"id": self._id(), "account_id": account, "type": kind, "amount": abs(change), "currency": "EUR"}
        row |= {"balance_after": found["balance"], "description": mark, "transfer_id": transfer_id}
        self.observation.transactions[account].append(dict(row))
        return row

    def _id(self) -> str:
        return f"{next(self._ids):04}"


def _order(source: str, target: str, amount: int) -> Row:
    return {"from_account_id": source, "to_account_id": target, "amount": amount}


def rules(story: Story) -> set[str]:
    return {finding.rule for finding in check(story.entries, story.observation).findings}


def of(story: Story, kind: str, number: int = 0) -> Entry:
    return [entry for entry in story.entries if entry.operation.kind == kind][number]
