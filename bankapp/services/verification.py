"""Whether the books keep their promises, asked of the data itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bankapp import db
from bankapp.repositories import verification
from bankapp.repositories.verification_rules import BY_TABLE

RULES: Final = {
    "sequence": ("transaction", "the transactions of an account are numbered from 1 without gaps"),
    "running_balance": ("transaction", "each balance continues the one before"),
    "time": ("transaction", "time does not run backwards within an account"),
    "balance": ("account", "a balance is the sum of its account's transactions"),
    "last_sequence": ("account", "an account knows the number of its last transaction"),
    "last_time": ("account", "an account knows the time of its last transaction"),
    "held": ("account", "what is held is the sum of the pending authorizations"),
    "account_state": ("account", "an account is in a possible state"),
    "leg_account": ("transaction", "a transaction fits its account"),
    "leg": ("transaction", "a transaction is possible"),
    "leg_posting": ("transaction", "every transaction has its posting"),
    "posting_balance": ("posting", "the transactions of a posting sum to zero in each currency"),
    "posting_legs": ("posting", "a posting has its transaction and the counterpart"),
    "posting_transfer": ("posting", "a posting of a transfer has its transfer"),
    "transfer_legs": ("transfer", "a transfer has exactly its two transactions"),
    "transfer_posting": ("transfer", "a transfer is posted as what it is"),
    "reversal": ("transfer", "a reversal gives back what was moved"),
    "reversed_once": ("transfer", "a transfer is reversed at most once"),
    "capture": ("authorization", "a capture is the purchase it says"),
    "purchase": ("posting", "a card purchase is the capture of a hold"),
    "audit": ("posting", "every movement of money has an audit row that says it succeeded"),
    "audit_money": ("audit_log", "the success of a money command names the money that was moved"),
    "audit_once": ("audit_log", "each movement of money has one success"),
    "audit_pending": ("audit_log", "an action has its outcome within a day (flask audit settle)"),
    "audit_outcome": ("audit_log", "a finished audit row has its outcome"),
    "idempotency": ("idempotency_key", "a finished key has its answer"),
}
"""Rule → what can break it, and its words."""

_OTHER: Final = {
    "sequence": "account",
    "running_balance": "account",
    "time": "account",
    "leg_account": "account",
    "audit_money": "resource",
    "audit_once": "resource",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule: ``kind`` and ``id`` say what breaks it, ``other_id`` the account or posting it belongs to."""

    rule: str
    kind: str
    id: str
    other_id: str | None
    expected: str
    found: str

    def __str__(self) -> str:
        """Return the fault as one line."""
        other = f" of {_OTHER.get(self.rule, 'posting')} {self.other_id}" if self.other_id else ""
        return (
            f"{self.rule}: {self.kind} {self.id}{other}: expected {self.expected}, found {self.found}"
            f" ({RULES[self.rule][1]})"
        )


def verify(on_fault: Callable[[Fault], None], on_progress: Callable[[int, int], None]) -> dict[str, int]:
    """Look at everything as it is at this moment, and return how many rows of each table that was.

    ``on_fault`` hears of each fault as it is found, ``on_progress`` how many rows of how many are
    done. Memory does not grow with the tables.
    """
    with db.snapshot(patient=True):
        counts = {table: verification.count(table) for table in (*BY_TABLE, "transactions", "transfers")}
        total, done = sum(counts[table] for table in BY_TABLE), 0
        for table in BY_TABLE:
            for keys, rows in verification.ranges(table):
                for rule, id, other_id, expected, found in verification.faults(table, keys):
                    other = str(other_id) if other_id else None
                    on_fault(Fault(rule, RULES[rule][0], str(id), other, expected, found))
                if table == "postings":
                    for posting_id in sorted(verification.unaudited(keys)):
                        on_fault(Fault("audit", "posting", posting_id, None, "a success", "none"))
                done += rows
                on_progress(done, total)
    return counts
