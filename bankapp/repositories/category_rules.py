"""Queries on category rules."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, false, update

from bankapp import db
from bankapp.listing import Owner, Page, Window
from bankapp.models import CategoryRule, CategoryRuleRecord
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record

_RULES = select_record(CategoryRuleRecord, CategoryRule)
_BY_ID = _RULES.where(CategoryRule.id == bindparam("rule_id"))
_LOCK = _BY_ID.with_for_update(key_share=True, of=CategoryRule)
_OF_USER = _RULES.where(CategoryRule.user_id == bindparam("user_id")).order_by(CategoryRule.position, CategoryRule.id)


def add(row: dict[str, Any]) -> None:
    """Store a new rule; ``row`` has the columns by name."""
    db.insert(CategoryRule, row)


def get(rule_id: str) -> CategoryRuleRecord | None:
    """Return the rule with this id, or None."""
    return db.one(_BY_ID, {"rule_id": rule_id}, record=CategoryRuleRecord)


def lock(rule_id: str) -> CategoryRuleRecord | None:
    """Lock the rule with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"rule_id": rule_id}, record=CategoryRuleRecord)


def change(rule_id: str, values: dict[str, Any]) -> None:
    """Change columns of a locked rule; ``values`` are by column name."""
    db.change(update(CategoryRule).where(CategoryRule.id == rule_id).values(values))


def remove(rule_id: str) -> None:
    """Delete a locked rule."""
    db.change(delete(CategoryRule).where(CategoryRule.id == rule_id))


def of_user(user_id: str) -> list[CategoryRuleRecord]:
    """Return a user's rules in the order in which they apply."""
    return db.rows(_OF_USER, {"user_id": user_id}, record=CategoryRuleRecord)


def search(owner: Owner, window: Window) -> Page[CategoryRuleRecord]:
    """Return an owner's rules, newest first. An owner who is limited to some accounts has none."""
    query = _RULES.where(CategoryRule.user_id == owner.user_id)
    if owner.account_ids is not None:
        query = query.where(false())
    return page(query, [CategoryRule.id], window, CategoryRuleRecord)
