"""Queries on API keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select, update

from bankapp import db
from bankapp.listing import Page, Window
from bankapp.models import ApiKey, ApiKeyRecord, User
from bankapp.models.types import Id, UtcDateTime
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record

# The names of the parameters differ from those of every statement that may contain the query.
_NOW: Any = bindparam("live_key_now", type_=UtcDateTime)
_HASH: Any = bindparam("live_key_hash")
_LIVE_KEY = (
    select(
        case(
            (ApiKey.last_used_at.is_(None), 1),
            (ApiKey.last_used_at < bindparam("live_key_used_before", type_=UtcDateTime), 1),
            else_=0,
        ).label("use_is_due")
    )
    .join_from(ApiKey, User)
    .where(
        ApiKey.id == bindparam("live_key_id", type_=Id),
        or_(ApiKey.secret_hash == _HASH, and_(ApiKey.previous_hash == _HASH, ApiKey.previous_expires_at > _NOW)),
        ApiKey.expires_at > _NOW,
        ApiKey.revoked_at.is_(None),
        User.status == "active",
    )
)
_KEYS = select_record(ApiKeyRecord, ApiKey)
_BY_ID = _KEYS.where(ApiKey.id == bindparam("key_id"))
_LOCK = _BY_ID.with_for_update(key_share=True)
_BY_HASH = _KEYS.where(or_(ApiKey.secret_hash == bindparam("hash"), ApiKey.previous_hash == bindparam("hash")))

_TABLE: Any = ApiKey.__table__
# A request that finds the row locked leaves the work to the one that holds the lock.
_TOUCH = (
    update(_TABLE)
    .where(
        _TABLE.c.id
        == select(ApiKey.id)
        .where(
            ApiKey.id == bindparam("key_id", type_=Id),
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < bindparam("used_before", type_=UtcDateTime)),
        )
        .with_for_update(skip_locked=True, key_share=True)
        .scalar_subquery()
    )
    .values(last_used_at=bindparam("used_at", type_=UtcDateTime))
)


def guard(
    key_id: str, secret_hash: str, now: datetime, used_before: datetime, admit: Callable[[int | None], None]
) -> None:
    """Require a live API key with this id and secret for every statement of this request.

    The first statement checks the key. ``admit`` gets 1 where the key was last used before ``used_before``, else 0, or
    None where the key is not live, and raises the refusal.
    """
    parameters = {
        "live_key_id": key_id,
        "live_key_hash": secret_hash,
        "live_key_now": now,
        "live_key_used_before": used_before,
    }
    db.guard(_LIVE_KEY, parameters, admit)


def add(row: dict[str, Any]) -> None:
    """Store a new API key; ``row`` has the columns by name."""
    db.insert(ApiKey, row)


def get(key_id: str) -> ApiKeyRecord | None:
    """Return the API key with this id, or None."""
    return db.one(_BY_ID, {"key_id": key_id}, record=ApiKeyRecord)


def lock(key_id: str) -> ApiKeyRecord | None:
    """Lock the API key with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"key_id": key_id}, record=ApiKeyRecord)


def by_hash(secret_hash: str) -> ApiKeyRecord | None:
    """Return the API key whose secret, or secret before the last roll, has this SHA-256; live or not."""
    return db.one(_BY_HASH, {"hash": secret_hash}, record=ApiKeyRecord)


def of_user(user_id: str, window: Window) -> Page[ApiKeyRecord]:
    """Return a user's API keys, newest first."""
    return page(_KEYS.where(ApiKey.user_id == user_id), [ApiKey.id], window, ApiKeyRecord)


def count_live(user_id: str, now: datetime) -> int:
    """Return how many keys a user has that are neither revoked nor expired."""
    query = select(func.count()).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > now)
    return int(db.value(query))


def change(key_id: str, **values: Any) -> None:
    """Change columns of a locked API key; ``values`` are by column name."""
    db.change(update(ApiKey).where(ApiKey.id == key_id).values(values))


def revoke_all(user_id: str, now: datetime) -> int:
    """Revoke the API keys of a user and return how many were revoked."""
    live = (ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    return db.change(update(ApiKey).where(*live).values(revoked_at=now))


def touch(key_id: str, now: datetime, used_before: datetime) -> None:
    """Store the time of a key's use unless one since ``used_before`` is stored. Waits for no lock."""
    db.change_without_waiting(_TOUCH, {"key_id": key_id, "used_at": now, "used_before": used_before})
