"""Tamper evidence: a chain of hashes over the finished rows of the audit log.

Rows finish in another order than they begin in, and some never finish; so the chain has an order
of its own, the one in which rows were sealed. A row that finishes late is sealed by the next run, a
pending one not at all. The last digest, the *head*, is kept where whoever can write to the database
cannot: with it even a chain that was made anew, or cut short, gives itself away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bankapp import clock, db, errors, ids
from bankapp.repositories import audit_seals

BATCH_SIZE: Final = 1_000
LATE_WITHIN: Final = timedelta(days=1)
"""How long after a row began it is looked for again; asking for all rows finds later ones, too."""

COLUMNS: Final = (
    "id",
    "user_id",
    "event_type",
    "resource_type",
    "resource_id",
    "status",
    "ip_address",
    "device_id",
    "request_id",
    "metadata",
    "created_at",
    "finished_at",
)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at some time: how many rows were sealed, and the digest of the last."""

    position: int = 0
    digest: str = "0" * 64

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read what ``str`` wrote. Raises ValueError."""
        position, _, digest = text.strip().partition(":")
        if not position.isdecimal() or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ValueError("a head is a number, a colon and 64 hexadecimal digits")
        return cls(int(position), digest)

    def __str__(self) -> str:
        """Return ``position:digest``."""
        return f"{self.position}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A sign of tampering: ``kind`` is edited, removed, moved, missing, truncated or rewritten."""

    kind: str
    position: int
    audit_log_id: str | None
    detail: str

    def __str__(self) -> str:
        """Return the fault as one line."""
        row = f", audit row {self.audit_log_id}" if self.audit_log_id else ""
        return f"{self.kind}: seal {self.position}{row}: {self.detail}"


def seal(*, everything: bool = False) -> tuple[int, Head]:
    """Seal the finished rows that have no seal yet, and return how many that were, and the new head.

    Looks at rows that began up to a day before the newest sealed one; ``everything`` looks at all.
    Each batch is a transaction of its own. Raises StateConflict when another run is at work.
    """
    newest = None if everything else db.run(audit_seals.newest_id)
    after = ids.earlier(newest, LATE_WITHIN) if newest else ids.FIRST
    sealed = 0
    while True:
        last_id, count, head = db.run(lambda after=after: _seal_batch(after))  # type: ignore[misc]  # bound now
        sealed += count
        if last_id is None:
            return sealed, head
        after = last_id


def _seal_batch(after: str) -> tuple[str | None, int, Head]:
    last = audit_seals.last()
    head = Head(last.position, last.digest) if last else Head()
    now = clock.now()
    seals: list[dict[str, Any]] = []
    for row in audit_seals.unsealed(after, BATCH_SIZE):
        row_digest = _digest_of(row._mapping)
        head = Head(head.position + 1, _link(head.digest, row_digest))
        seals.append(
            {
                "position": head.position,
                "audit_log_id": row.id,
                "row_digest": row_digest,
                "digest": head.digest,
                "sealed_at": now,
            }
        )
    if not seals:
        return None, 0, head
    try:
        audit_seals.add(seals)
    except db.ConstraintViolated as problem:
        raise errors.StateConflict("Another run is sealing just now; let it finish.") from problem
    return seals[-1]["audit_log_id"], len(seals), head


def verify(
    heads: Sequence[Head], on_fault: Callable[[Fault], None], on_progress: Callable[[int, int], None]
) -> tuple[Head, dict[str, int]]:
    """Follow the chain from its beginning, and return its head and how many rows have a seal and have none.

    ``heads`` were kept elsewhere, at any time. ``on_fault`` hears of each sign of tampering,
    ``on_progress`` how many seals of how many are done. Memory does not grow with the log.
    """
    kept: dict[int, list[Head]] = {}
    for head in heads:
        kept.setdefault(head.position, []).append(head)
    with db.snapshot(patient=True):
        total = audit_seals.count()
        end = Head()
        for done, link in enumerate(audit_seals.chain(), start=1):
            for fault in _faults(end, link):
                on_fault(fault)
            end = Head(link.position, link.digest)
            for head in kept.pop(end.position, ()):
                if head != end:
                    detail = f"the kept head says {head.digest}, the chain {end.digest}: it was made anew before here"
                    on_fault(Fault("rewritten", end.position, str(link.audit_log_id), detail))
            on_progress(done, total)
        for position in sorted(kept.keys() - {0}):
            detail = f"the kept head says there was a row here, the chain ends at {end.position}"
            on_fault(Fault("truncated", position, None, detail))
        return end, {"audit_seals": total, "rows_without_seal": audit_seals.count_unsealed()}


def _faults(before: Head, link: Any) -> list[Fault]:
    found: list[Fault] = []

    def add(kind: str, detail: str) -> None:
        found.append(Fault(kind, link.position, str(link.audit_log_id), detail))

    if link.position != before.position + 1:
        detail = f"seals {before.position + 1} to {link.position - 1} are gone, with the rows they sealed"
        found.append(Fault("missing", before.position + 1, None, detail))
    elif link.digest != _link(before.digest, link.row_digest):
        add("moved", "the seal does not continue the one before: it was moved, exchanged or made anew")
    if link.id is None:
        add("removed", "the row is gone")
    elif _digest_of(link._mapping) != link.row_digest:
        add("edited", "the row is not what was sealed here: it was edited, or exchanged with another")
    return found


def _link(before: str, row_digest: str) -> str:
    return hashlib.sha256(f"{before}{row_digest}".encode()).hexdigest()


def _digest_of(row: Any) -> str:
    """Return the SHA-256 of a row's canonical JSON: sorted keys, no blanks, times in UTC as RFC 3339."""
    document = {name: _plain(row[name]) for name in COLUMNS}
    document["metadata"] = _parsed(document["metadata"])
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return clock.to_text(value) if isinstance(value, datetime) else value


def _parsed(details: Any) -> Any:
    if not isinstance(details, str):
        return details
    try:
        return json.loads(details)
    except ValueError:
        return details
