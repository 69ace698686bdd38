"""Verification of the books: checks of the stored data against the rules of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bankapp import db
from bankapp.repositories import verification
from bankapp.repositories.verification_rules import BY_TABLE
from bankapp.services import statement_hashes

RULES: Final = {
    "sequence": ("transaction", "the transactions of an account are numbered from 1 without gaps"),
    "running_balance": ("transaction", "each balance_after continues the one before"),
    "time": ("transaction", "time does not run backwards within an account"),
    "balance": ("account", "a balance is the sum of its account's transactions"),
    "last_sequence": ("account", "an account's sequence is the number of its last transaction"),
    "last_time": ("account", "an account's last_posted_at is the time of its last transaction"),
    "held": ("account", "held is the sum of the account's pending authorizations"),
    "account_state": ("account", "an account's balance, holds, status and holder fit together"),
    "leg_account": ("transaction", "a transaction has its account's currency, and a sequence unless that is cash"),
    "leg": ("transaction", "the amount, direction and transfer_id of a transaction fit its type"),
    "leg_posting": ("transaction", "every transaction has its posting"),
    "posting_balance": ("posting", "the transactions of a posting sum to zero in each currency"),
    "posting_legs": ("posting", "a posting has two transactions, of its kind and time"),
    "posting_transfer": ("posting", "a posting of a transfer has its transfer"),
    "transfer_legs": ("transfer", "a transfer has exactly its two transactions"),
    "transfer_posting": ("transfer", "a transfer's posting is a transfer, a reversal's is a reversal"),
    "reversal": ("transfer", "a reversal moves the amount of its original back"),
    "reversed_once": ("transfer", "a transfer is reversed at most once"),
    "capture": ("authorization", "a captured authorization has a purchase of the captured amount"),
    "purchase": ("posting", "a card purchase is the capture of a hold"),
    "counterparty": ("transaction", "a transaction names its other side, and both sides have the same identifiers"),
    "audit": ("posting", "every movement of money has an audit row that says it succeeded"),
    "audit_money": ("audit_log", "the success of a money command names the money that was moved"),
    "audit_once": ("audit_log", "each movement of money has one success"),
    "audit_pending": ("audit_log", "an action has its outcome within a day (flask audit settle)"),
    "audit_outcome": ("audit_log", "a finished audit row has its outcome"),
    "idempotency": ("idempotency_key", "a finished key has its answer"),
    "transaction_event": ("transaction", "a customer's transaction has one event, with its sequence, time and user"),
    "transfer_event": ("transfer", "a transfer has one event, for the customer who paid"),
    "event_resource": ("event", "an event about the ledger names a row of it"),
    "event_position": ("event", "events are numbered from 1 without gaps, in the bank's stream and in each user's"),
    "event_order": ("event", "the transactions of an account are numbered in the order of its sequence"),
    "statement_number": ("statement", "the statements of an account are numbered from 1, one a month, without gaps"),
    "statement_balance": ("statement", "a statement has the entries and balances of its month"),
    "statement_hash": ("statement", "a statement says what it said when it was made"),
}
"""Rule → the kind of row that can break it, and the rule as a sentence."""

_OTHER_KINDS: Final = {
    "sequence": "account",
    "running_balance": "account",
    "time": "account",
    "leg_account": "account",
    "audit_money": "resource",
    "audit_once": "resource",
    "transaction_event": "account",
    "event_resource": "resource",
    "event_position": "user",
    "event_order": "account",
    "statement_number": "account",
    "statement_balance": "account",
    "statement_hash": "account",
}
"""Rule → what ``other_id`` of its faults identifies, where that is not a posting."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule. ``kind`` and ``id`` name the row that breaks it, ``other_id`` its account or posting."""

    rule: str
    kind: str
    id: str
    other_id: str | None
    expected: str
    found: str

    def __str__(self) -> str:
        """Return the fault as one line."""
        other = f" of {_OTHER_KINDS.get(self.rule, 'posting')} {self.other_id}" if self.other_id else ""
        return (
            f"{self.rule}: {self.kind} {self.id}{other}: expected {self.expected}, found {self.found}"
            f" ({RULES[self.rule][1]})"
        )


def verify(on_fault: Callable[[Fault], None], on_progress: Callable[[int, int], None]) -> dict[str, int]:
    """Check every rule in one snapshot, and return the number of rows by table.

    ``on_fault`` is called with each fault at once, ``on_progress`` with the number of checked rows and of all
    rows. Memory does not grow with the tables.
    """
    with db.snapshot(patient=True):
        counts = {table: verification.count(table) for table in (*BY_TABLE, "transactions", "transfers", "statements")}
        total, done = sum(counts[table] for table in BY_TABLE), 0
        for table in BY_TABLE:
            for keys, rows in verification.ranges(table):
                for rule, id, other_id, expected, found in verification.faults(table, keys):
                    other = str(other_id) if other_id else None
                    on_fault(Fault(rule, RULES[rule][0], str(id), other, expected, found))
                if table == "accounts":
                    for record, found in statement_hashes.changed(*keys):
                        kept = record.content_hash
                        on_fault(Fault("statement_hash", "statement", record.id, record.account_id, kept, found))
                if table == "postings":
                    for posting_id in sorted(verification.unaudited(keys)):
                        on_fault(Fault("audit", "posting", posting_id, None, "a success", "none"))
                done += rows
                on_progress(done, total)
    return counts
