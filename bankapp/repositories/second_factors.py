"""Queries on second factors and recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update

from bankapp import ids
from bankapp.extensions import db
from bankapp.models import RecoveryCode, SecondFactor


def get(user_id: str) -> SecondFactor | None:
    """Return the user's second factor as it is in the database now, confirmed or not."""
    return db.session.get(SecondFactor, user_id, populate_existing=True)


def put(user_id: str, sealed_secret: bytes, now: datetime) -> None:
    """Store an unconfirmed second factor in place of whatever was there."""
    remove(user_id)
    db.session.add(SecondFactor(user_id=user_id, sealed_secret=sealed_secret, created_at=now))
    db.session.flush()


def remove(user_id: str) -> None:
    """Delete the second factor and its recovery codes."""
    for model, whose in ((RecoveryCode, RecoveryCode.user_id), (SecondFactor, SecondFactor.user_id)):
        db.session.execute(delete(model).where(whose == user_id))


def claim_step(user_id: str, step: int) -> bool:
    """Mark the code of a time step used; False when it, or a later one, was before."""
    claimed: Any = db.session.execute(
        update(SecondFactor)
        .where(SecondFactor.user_id == user_id, or_(SecondFactor.last_step.is_(None), SecondFactor.last_step < step))
        .values(last_step=step)
        .execution_options(synchronize_session=False)
    )
    return bool(claimed.rowcount == 1)


def put_codes(user_id: str, hashes: Iterable[str]) -> None:
    """Store recovery codes in place of all earlier ones."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"id": ids.new(), "user_id": user_id, "code_hash": code_hash} for code_hash in hashes]
    db.session.execute(insert(RecoveryCode), rows)


def claim_code(user_id: str, code_hash: str, now: datetime) -> bool:
    """Mark a recovery code used; False when there is none such, or it was used before."""
    claimed: Any = db.session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(claimed.rowcount == 1)


def count_codes(user_id: str) -> int:
    """Return how many recovery codes are left."""
    query = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return db.session.scalars(query).one()
