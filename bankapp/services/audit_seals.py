"""Tamper evidence: a chain of hashes over the finished rows of the audit log.

Rows finish in another order than they begin, and some never finish. The order of the chain is therefore the order
in which rows were sealed. A row that finishes late is sealed by the next run; a pending row is not sealed. The
last digest is the *head*. Operators store heads where no writer of the database can change them. A stored head
reveals a chain that was rebuilt or cut short.
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
"""How far before the newest sealed row :func:`seal` searches for rows that finished late."""

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
    """The end of the chain at a time: the number of seals, and the digest of the last one."""

    position: int = 0
    digest: str = "0" * 64

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read a text that ``str`` wrote. Raises ValueError."""
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
    """Seal the finished rows without a seal, and return their number and the new head.

    Considers rows that began up to a day before the newest sealed row; ``everything`` considers all rows. Each
    batch is one transaction. Raises StateConflict while another run seals rows.
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
        raise errors.StateConflict("Another run is sealing rows now. Wait until it has finished.") from problem
    return seals[-1]["audit_log_id"], len(seals), head


def verify(
    heads: Sequence[Head], on_fault: Callable[[Fault], None], on_progress: Callable[[int, int], None]
) -> tuple[Head, dict[str, int]]:
    """Check the chain from its beginning; return its head, and the numbers of rows with and without a seal.

    ``heads`` are heads of earlier times that were stored elsewhere. ``on_fault`` is called with each sign of
    tampering, ``on_progress`` with the number of checked seals and of all seals. Memory does not grow with the log.
    """
    stored: dict[int, list[Head]] = {}
    for head in heads:
        stored.setdefault(head.position, []).append(head)
    with db.snapshot(patient=True):
        total = audit_seals.count()
        end = Head()
        for done, link in enumerate(audit_seals.chain(), start=1):
            for fault in _faults(end, link):
                on_fault(fault)
            end = Head(link.position, link.digest)
            for head in stored.pop(end.position, ()):
                if head != end:
                    detail = (
                        f"the stored head is {head.digest}, the chain has {end.digest}: an earlier part was rebuilt"
                    )
                    on_fault(Fault("rewritten", end.position, str(link.audit_log_id), detail))
            on_progress(done, total)
        for position in sorted(stored.keys() - {0}):
            detail = f"the stored head is of this seal, but the chain ends at {end.position}"
            on_fault(Fault("truncated", position, None, detail))
        return end, {"audit_seals": total, "rows_without_seal": audit_seals.count_unsealed()}


def _faults(before: Head, link: Any) -> list[Fault]:
    faults: list[Fault] = []

    def add(kind: str, detail: str) -> None:
        faults.append(Fault(kind, link.position, str(link.audit_log_id), detail))

    if link.position != before.position + 1:
        detail = f"seals {before.position + 1} to {link.position - 1} are gone, with the rows they sealed"
        faults.append(Fault("missing", before.position + 1, None, detail))
    elif link.digest != _link(before.digest, link.row_digest):
        add("moved", "the seal does not continue the one before: it was moved, exchanged or rebuilt")
    if link.id is None:
        add("removed", "the row is gone")
    elif _digest_of(link._mapping) != link.row_digest:
        add("edited", "the row is not the one that was sealed: it was edited, or exchanged with another")
    return faults


def _link(before: str, row_digest: str) -> str:
    return hashlib.sha256(f"{before}{row_digest}".encode()).hexdigest()


def _digest_of(row: Any) -> str:
    """Return the SHA-256 of a row's canonical JSON: sorted keys, no blanks, times in UTC as RFC 3339."""
    document = {name: _plain(row[name]) for name in COLUMNS}
    # The column is younger than the first seals: a row without a key has the digest that it had without the column.
    if row["api_key_id"] is not None:
        document["api_key_id"] = row["api_key_id"]
    document["metadata"] = _parsed(document["metadata"])
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return clock.to_text(value) if isinstance(value, datetime) else value


def _parsed(metadata: Any) -> Any:
    if not isinstance(metadata, str):
        return metadata
    try:
        return json.loads(metadata)
    except ValueError:
        return metadata
