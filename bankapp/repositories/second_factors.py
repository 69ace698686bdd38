"""Queries on second factors and recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update

from bankapp import db, ids
from bankapp.models import RecoveryCode, SecondFactor, SecondFactorRecord
from bankapp.repositories.selecting import select_record

_OF_USER = select_record(SecondFactorRecord, SecondFactor).where(SecondFactor.user_id == bindparam("user_id"))


def get(user_id: str) -> SecondFactorRecord | None:
    """Return the user's second factor, confirmed or not, or None."""
    return db.one(_OF_USER, {"user_id": user_id}, record=SecondFactorRecord)


def put(user_id: str, sealed_secret: bytes, now: datetime) -> None:
    """Store an unconfirmed second factor in place of an existing one and its recovery codes."""
    remove(user_id)
    db.insert(SecondFactor, {"user_id": user_id, "sealed_secret": sealed_secret, "created_at": now})


def change(user_id: str, **values: Any) -> None:
    """Change columns of a user's second factor; ``values`` are by column name."""
    db.change(update(SecondFactor).where(SecondFactor.user_id == user_id).values(values))


def remove(user_id: str) -> None:
    """Delete the user's second factor and its recovery codes."""
    db.change(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.change(delete(SecondFactor).where(SecondFactor.user_id == user_id))


def claim_step(user_id: str, step: int) -> bool:
    """Mark the code of a time step used; False if that code or one of a later step is already used."""
    unused = or_(SecondFactor.last_step.is_(None), SecondFactor.last_step < step)
    return db.change(update(SecondFactor).where(SecondFactor.user_id == user_id, unused).values(last_step=step)) == 1


def put_codes(user_id: str, hashes: Iterable[str]) -> None:
    """Store the hashes of recovery codes in place of all earlier ones."""
    db.change(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    for code_hash in hashes:
        db.insert(RecoveryCode, {"id": ids.new(), "user_id": user_id, "code_hash": code_hash})


def claim_code(user_id: str, code_hash: str, now: datetime) -> bool:
    """Mark a recovery code used; False if it does not exist or is already used."""
    unused = (RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
    return db.change(update(RecoveryCode).where(*unused).values(used_at=now)) == 1


def count_codes(user_id: str) -> int:
    """Return the number of unused recovery codes."""
    query = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return int(db.value(query))
