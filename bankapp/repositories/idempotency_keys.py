"""Queries on idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from bankapp import db
from bankapp.models import IdempotencyKey, IdempotencyKeyRecord
from bankapp.repositories.selecting import select_record

_TABLE: Any = IdempotencyKey.__table__
_KEY = _TABLE.c
_LOCKED = (
    select_record(IdempotencyKeyRecord, IdempotencyKey)
    .where(_KEY.scope == bindparam("key_scope"))
    .with_for_update(key_share=True)
)
_CLAIMED = (
    _KEY.scope == bindparam("key_scope"),
    _KEY.claim_id == bindparam("key_claim_id"),
    _KEY.finished_at.is_(None),
)
_TAKE_OVER = (
    update(_TABLE).where(*_CLAIMED).values(claim_id=bindparam("new_claim_id"), claimed_at=bindparam("new_claimed_at"))
)
HELD = select(_KEY.scope).where(*_CLAIMED)
"""The row of a claim that is still held; its parameters are ``key_scope`` and ``key_claim_id``."""

_RELEASE = delete(_TABLE).where(*_CLAIMED)
FINISH = (
    update(_TABLE)
    .where(*_CLAIMED)
    .values(
        finished_at=bindparam("answered_at"),
        answer_status=bindparam("new_answer_status"),
        answer_media_type=bindparam("new_answer_media_type"),
        answer_etag=bindparam("new_answer_etag"),
        answer_body=bindparam("new_answer_body"),
    )
)
"""Stores the answer of a claim that is still held; its parameters are those of :func:`finish`."""


def lock(scope: str) -> IdempotencyKeyRecord | None:
    """Return the key with this scope, or None. Lock its row in the statement's own transaction on PostgreSQL.

    The lock is a write: where there is a synchronous standby, the statement returns when the standby has it, and with
    it everything that was committed before (decision 0017).
    """
    return db.one(_LOCKED, {"key_scope": scope}, record=IdempotencyKeyRecord)


def take_over(scope: str, old_claim_id: str, claim_id: str, now: datetime) -> bool:
    """Take over an abandoned claim; False if the claim was finished or taken over meanwhile."""
    claimed = {"key_scope": scope, "key_claim_id": old_claim_id}
    return db.change(_TAKE_OVER, claimed | {"new_claim_id": claim_id, "new_claimed_at": now}) == 1


def finish(answered: dict[str, Any]) -> bool:
    """Store the answer of a claim, with the parameters of :data:`FINISH`; False when the claim is lost."""
    return db.change(FINISH, answered) == 1


def release(scope: str, claim_id: str) -> None:
    """Delete a claim that has no answer, so that the key can be used again."""
    db.change(_RELEASE, {"key_scope": scope, "key_claim_id": claim_id})


def purge(before: datetime, limit: int) -> int:
    """Delete up to ``limit`` keys that were claimed before a time, and return how many that were."""
    batch = select(_KEY.scope).where(_KEY.claimed_at < before).limit(limit)
    return db.change(delete(_TABLE).where(_KEY.scope.in_(batch)))
