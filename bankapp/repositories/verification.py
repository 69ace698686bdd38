"""Queries that look for faults in the books, a range of keys at a time."""

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
"""Longer than any batch takes from its audit row to its last transfer."""

_TABLES = Transaction.metadata.tables
_KEYS: Final = {"idempotency_keys": "scope"}

# What is before and after every key: of any text on SQLite, of any UUID on PostgreSQL.
_TEXT_ENDS: Final = ("", "\U0010ffff")
_UUID_ENDS: Final = (ids.FIRST, "ffffffff-ffff-ffff-ffff-ffffffffffff")

Range = tuple[str, str]
Found = Row[str, str, str | None, str, str]


def count(table: str) -> int:
    """Return how many rows ``table`` has."""
    return int(db.value(select(func.count()).select_from(_TABLES[table])))


def ranges(table: str) -> Iterator[tuple[Range, int]]:
    """Yield ranges of keys that together hold every key there can be, each with its number of rows of ``table``."""
    key = _TABLES[table].c[_KEYS.get(table, "id")]
    native_ids = db.for_dialect(sqlite=False, postgresql=isinstance(key.type, IdType))
    low, end = _UUID_ENDS if native_ids else _TEXT_ENDS
    while True:
        chunk = select(key).where(key > low).order_by(key).limit(RANGE_SIZE).subquery()
        last = func.max(chunk.c[0].cast(Text)).label("last")
        found = db.one(select(func.count().label("rows"), last).select_from(chunk))
        if found.rows < RANGE_SIZE:
            yield (low, end), found.rows
            return
        yield (low, found.last), found.rows
        low = found.last


def faults(table: str, keys: Range) -> Iterator[Found]:
    """Yield what breaks a rule in a range of keys of ``table``: rule, id, other id, expected, found."""
    key = _TABLES[table].c[_KEYS.get(table, "id")]
    low, high = keys
    for query in BY_TABLE[table]:
        sql = text(in_dialect(query))
        bound = sql.bindparams(bindparam("low", low, type_=key.type), bindparam("high", high, type_=key.type))
        yield from db.stream(bound)


def unaudited(keys: Range) -> set[str]:
    """Return the postings in a range that no successful audit row of their kind names: their own, or a batch's.

    The rule ``audit_money`` compares the amounts of those audit rows with the postings.
    """
    low, high = keys
    succeeded = select(AuditLog.id).where(AuditLog.status == SUCCESS)
    # The events of all kinds but card purchases have the names of the kinds.
    of_its_kind = succeeded.where(AuditLog.event_type == Posting.kind)
    of_a_capture = succeeded.where(AuditLog.event_type == "card_capture", Posting.kind == "card_purchase")
    legs = select(Transaction.id).where(Transaction.posting_id == Posting.id).correlate(Posting)
    holds = select(Authorization.id).where(Authorization.posting_id == Posting.id).correlate(Posting)
    told = [
        of_its_kind.where(AuditLog.resource_id == Posting.id).exists(),
        of_its_kind.where(AuditLog.resource_id.in_(legs)).exists(),
        of_a_capture.where(AuditLog.resource_id.in_(holds)).exists(),
    ]
    query = select(Posting.id).where(Posting.id > low, Posting.id <= high, ~or_(*told))
    missing = {row.id for row in db.rows(query)}
    return missing - _in_batches(missing) if missing else missing


def _in_batches(postings: set[str]) -> set[str]:
    # Ids are in the order of time, so the batch that made a posting has its audit row shortly before.
    batches = select(AuditLog.details).where(
        AuditLog.id > ids.earlier(min(postings), BATCH_LASTS),
        AuditLog.id < max(postings),
        AuditLog.event_type == "transfer_batch",
        AuditLog.status == SUCCESS,
    )
    found: set[str] = set()
    details: dict[str, Any]
    for (details,) in db.stream(batches):
        found |= postings.intersection(details.get("transfer_ids", ()))
    return found
