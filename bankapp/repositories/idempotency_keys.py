"""Queries on idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Executable, bindparam, delete, update

from bankapp import database
from bankapp.context import Answer
from bankapp.extensions import db
from bankapp.models import IdempotencyKey

_KEY = IdempotencyKey.__table__.c
FINISH = (
    update(IdempotencyKey.__table__)  # type: ignore[arg-type]  # FromClause in the stubs, a Table in fact
    .where(
        _KEY.scope == bindparam("row_scope"),
        _KEY.claim_id == bindparam("row_claim"),
        _KEY.finished_at.is_(None),
    )
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
    return _changed(
        update(IdempotencyKey)
        .where(_KEY.scope == scope, _KEY.claim_id == old_claim_id, _KEY.finished_at.is_(None))
        .values(claim_id=claim_id, claimed_at=now)
        .execution_options(synchronize_session=False)
    )


def finish(scope: str, claim_id: str, answer: Answer, finished_at: datetime) -> bool:
    """Store the answer; False when the claim is no longer held."""
    return _changed(FINISH, finish_parameters(scope, claim_id, answer, finished_at))


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
    _changed(
        delete(IdempotencyKey)
        .where(_KEY.scope == scope, _KEY.claim_id == claim_id, _KEY.finished_at.is_(None))
        .execution_options(synchronize_session=False)
    )


def purge(before: datetime) -> int:
    """Delete the keys claimed before a time, and return how many that were."""
    gone: Any = db.session.execute(delete(IdempotencyKey).where(_KEY.claimed_at < before))
    return int(gone.rowcount)


def _changed(statement: Executable, parameters: dict[str, Any] | None = None) -> bool:
    return database.change(statement, parameters) == 1
