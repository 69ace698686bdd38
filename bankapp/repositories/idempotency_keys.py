"""Queries on idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, update

from bankapp import connections
from bankapp.context import Answer
from bankapp.extensions import db
from bankapp.models import IdempotencyKey

_TABLE: Any = IdempotencyKey.__table__
_KEY = _TABLE.c
_CLAIMED = (
    _KEY.scope == bindparam("row_scope"),
    _KEY.claim_id == bindparam("row_claim"),
    _KEY.finished_at.is_(None),
)
_TAKE_OVER = (
    update(_TABLE).where(*_CLAIMED).values(claim_id=bindparam("new_claim"), claimed_at=bindparam("new_claimed_at"))
)
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


def get(scope: str) -> IdempotencyKey | None:
    """Return the key of this scope as it is in the database now."""
    return db.session.get(IdempotencyKey, scope, populate_existing=True)


def take_over(scope: str, old_claim_id: str, claim_id: str, now: datetime) -> bool:
    """Take an abandoned claim over; False when it was finished or taken meanwhile."""
    claimed = {"row_scope": scope, "row_claim": old_claim_id}
    return connections.change(_TAKE_OVER, claimed | {"new_claim": claim_id, "new_claimed_at": now}) == 1


def finish(scope: str, claim_id: str, answer: Answer, finished_at: datetime) -> bool:
    """Store the answer; False when the claim is no longer held."""
    return connections.change(FINISH, finish_parameters(scope, claim_id, answer, finished_at)) == 1


def finish_parameters(scope: str, claim_id: str, answer: Answer, finished_at: datetime) -> dict[str, Any]:
    """Return the parameters of ``FINISH``."""
    return {
        "row_scope": scope,
        "row_claim": claim_id,
        "answered_at": finished_at,
        "new_answer_status": answer.status,
        "new_answer_media_type": answer.media_type,
        "new_answer_etag": answer.etag,
        "new_answer_body": answer.body,
    }


def release(scope: str, claim_id: str) -> None:
    """Forget a claim that has no answer, so that the key can be used again."""
    connections.change(_RELEASE, {"row_scope": scope, "row_claim": claim_id})


def purge(before: datetime) -> int:
    """Delete the keys claimed before a time, and return how many that were."""
    gone: Any = db.session.execute(delete(IdempotencyKey).where(_KEY.claimed_at < before))
    return int(gone.rowcount)
