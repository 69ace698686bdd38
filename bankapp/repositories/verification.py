"""Queries that find faults in the books, one range of keys at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, Text, bindparam, func, or_, select, text

from bankapp import db, ids
from bankapp.models import AuditLog, Authorization, Posting, Transaction
from bankapp.models.audit_log import SUCCESS
from bankapp.models.types import IdType
from bankapp.repositories.verification_audit_rules import in_dialect
from bankapp.repositories.verification_rules import BY_TABLE

RANGE_SIZE: Final = 2_000
BATCH_LASTS: Final = timedelta(hours=1)
"""More than the time of any batch from its audit row to its last transfer."""

_TABLES = Transaction.metadata.tables
_KEYS: Final = {"idempotency_keys": "scope"}

# Values before and after every key, as text (SQLite) and as UUID (PostgreSQL).
_TEXT_ENDS: Final = ("", "\U0010ffff")
_UUID_ENDS: Final = (ids.FIRST, "ffffffff-ffff-ffff-ffff-ffffffffffff")

Range = tuple[str, str]
FaultRow = Row[str, str, str | None, str, str]
"""Rule, id, other id, expected, found."""


def count(table: str) -> int:
    """Return the number of rows of ``table``."""
    return int(db.value(select(func.count()).select_from(_TABLES[table])))


def ranges(table: str) -> Iterator[tuple[Range, int]]:
    """Yield ranges that together cover every possible key, each with its number of rows of ``table``."""
    key = _TABLES[table].c[_KEYS.get(table, "id")]
    native_ids = db.for_dialect(sqlite=False, postgresql=isinstance(key.type, IdType))
    low, end = _UUID_ENDS if native_ids else _TEXT_ENDS
    while True:
        chunk = select(key).where(key > low).order_by(key).limit(RANGE_SIZE).subquery()
        last = func.max(chunk.c[0].cast(Text)).label("last")
        size = db.one(select(func.count().label("rows"), last).select_from(chunk))
        if size.rows < RANGE_SIZE:
            yield (low, end), size.rows
            return
        yield (low, size.last), size.rows
        low = size.last


def faults(table: str, keys: Range) -> Iterator[FaultRow]:
    """Yield the faults of all rules on ``table`` in a range of its keys."""
    key = _TABLES[table].c[_KEYS.get(table, "id")]
    low, high = keys
    for query in BY_TABLE[table]:
        sql = text(in_dialect(query))
        bound = sql.bindparams(bindparam("low", low, type_=key.type), bindparam("high", high, type_=key.type))
        yield from db.stream(bound)


def unaudited(keys: Range) -> set[str]:
    """Return the ids of postings in a range without a successful audit row of their kind or of their batch.

    The rule ``audit_money`` compares the amounts of the audit rows with those of the postings.
    """
    low, high = keys
    succeeded = select(AuditLog.id).where(AuditLog.status == SUCCESS)
    # The event type of a posting is its kind, except for card purchases.
    of_its_kind = succeeded.where(AuditLog.event_type == Posting.kind)
    of_a_capture = succeeded.where(AuditLog.event_type == "card_capture", Posting.kind == "card_purchase")
    legs = select(Transaction.id).where(Transaction.posting_id == Posting.id).correlate(Posting)
    holds = select(Authorization.id).where(Authorization.posting_id == Posting.id).correlate(Posting)
    is_audited = [
        of_its_kind.where(AuditLog.resource_id == Posting.id).exists(),
        of_its_kind.where(AuditLog.resource_id.in_(legs)).exists(),
        of_a_capture.where(AuditLog.resource_id.in_(holds)).exists(),
    ]
    query = select(Posting.id).where(Posting.id > low, Posting.id <= high, ~or_(*is_audited))
    missing = {row.id for row in db.rows(query)}
    return missing - _in_batches(missing) if missing else missing


def _in_batches(postings: set[str]) -> set[str]:
    # Ids are in the order of time, so the audit row of a batch has an id shortly before those of its postings.
    batches = select(AuditLog.details).where(
        AuditLog.id > ids.earlier(min(postings), BATCH_LASTS),
        AuditLog.id < max(postings),
        AuditLog.event_type == "transfer_batch",
        AuditLog.status == SUCCESS,
    )
    audited: set[str] = set()
    metadata: dict[str, Any]
    for (metadata,) in db.stream(batches):
        audited |= postings.intersection(metadata.get("transfer_ids", ()))
    return audited
