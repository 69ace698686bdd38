"""Category rules: which category a customer's transactions get. They belong to the customer alone.

Rules write nothing to transactions: categories are found when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from bankapp import clock, context, errors, ids
from bankapp.listing import Owner, Page, Window
from bankapp.models import CategoryRuleRecord, TransactionRecord
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import category_rules, insights
from bankapp.repositories import search_index as index_rows
from bankapp.repositories.categorizing import Categorization
from bankapp.repositories.insights import Span
from bankapp.services import access, commands, search_index
from bankapp.services.commands import Command, Decision
from bankapp.services.idempotency import Claim

MAX_RULES: Final = 100
"""How many rules a user may have: each is part of one SQL statement."""

MAX_POSITION: Final = 1_000
PREVIEW_DAYS: Final = 366
PREVIEW_SIZE: Final = 20

CONDITIONS: Final = ("counterparty", "words", "type", "min_amount", "max_amount")


@dataclass(frozen=True, slots=True)
class Change:
    """A transaction that a rule would give another category, and the category that it has now."""

    category: str
    transaction: TransactionRecord


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would change among the transactions since ``from_date``: how many, and the newest of them."""

    from_date: date
    count: int
    items: Sequence[Change]


def create(new: Mapping[str, Any], claim: Claim | None = None) -> CategoryRuleRecord:
    """Store a rule of the caller. Without a position it comes last.

    Raises InsufficientScope, LimitExceeded, or ValidationFailed as :func:`_check`.
    """
    _check(new)

    def decide() -> Decision[CategoryRuleRecord]:
        access.demand_all_accounts("make category rules")
        rules = category_rules.of_user(context.user().id)
        if len(rules) >= MAX_RULES:
            raise errors.LimitExceeded(f"You have {MAX_RULES} category rules, which is the limit.")
        rule = _made(new, rules)
        category_rules.add(rule._asdict())
        return Decision(rule, rule.id)

    command = Command("category_rule_create", "category_rule", facts={"category": new["category"]})
    return commands.carry_out_in_transaction(command, decide, claim)


def get(rule_id: str) -> CategoryRuleRecord:
    """Return the caller's own rule. Raises NotFound."""
    return access.own(category_rules.get(rule_id), "category rule")


def search(window: Window) -> Page[CategoryRuleRecord]:
    """Return the caller's own rules, newest first."""
    caller = context.user()
    return category_rules.search(Owner(caller.id, caller.account_ids), window)


def change(rule_id: str, changes: Mapping[str, Any]) -> CategoryRuleRecord:
    """Change the caller's own rule. Raises NotFound, or ValidationFailed as :func:`_check`."""

    def decide() -> Decision[CategoryRuleRecord]:
        rule = _lock(rule_id)
        changed = rule._replace(**changes)
        _check(changed._asdict())
        if changes:
            category_rules.change(rule_id, dict(changes))
        return Decision(changed, facts={"category": changed.category})

    command = Command("category_rule_change", "category_rule", rule_id, {"fields": sorted(changes)})
    return commands.carry_out_in_transaction(command, decide)


def remove(rule_id: str) -> None:
    """Delete the caller's own rule. Raises NotFound."""

    def decide() -> Decision[None]:
        rule = _lock(rule_id)
        category_rules.remove(rule_id)
        return Decision(None, facts={"category": rule.category})

    commands.carry_out_in_transaction(Command("category_rule_delete", "category_rule", rule_id), decide)


def preview(new: Mapping[str, Any]) -> Preview:
    """Return what a new rule of the caller would change among the transactions of the last 366 days.

    Raises ValidationFailed as :func:`_check`, and Unavailable as :func:`search_index.complete`.
    """
    _check(new)
    before = of_caller()
    rules = [*before.rules, _made(new, before.rules)]
    after = Categorization(before.account_ids, sorted(rules, key=lambda rule: (rule.position, rule.id)))
    caller = context.user()
    account_ids = [one for one in before.account_ids if access.is_own(caller.id, one)]
    make_ready(after, account_ids)
    tomorrow = clock.now().date() + timedelta(days=1)
    first = tomorrow - timedelta(days=PREVIEW_DAYS)
    start, end = (datetime.combine(day, time.min, UTC) for day in (first, tomorrow))
    span = Span(account_ids, start, end)
    found = insights.changes(caller.id, before, after, span, limit=PREVIEW_SIZE)
    items = [Change(category, transaction) for category, transaction in found]
    count = len(items)
    if count == PREVIEW_SIZE:
        count = insights.count_changes(before, after, span)
    return Preview(first, count, items)


def of_caller() -> Categorization:
    """Return what decides on the categories of the caller's transactions."""
    user_id = context.user().id
    return Categorization(account_rows.ids_of_owner(Owner(user_id)), category_rules.of_user(user_id))


def make_ready(by: Categorization, account_ids: Sequence[str]) -> None:
    """Complete the search index of the caller's accounts if a rule compares texts.

    Raises Unavailable as :func:`search_index.complete`.
    """
    if by.needs_index:
        found = index_rows.of_user(context.user().id)
        search_index.complete([account for account in found if account.id in account_ids])


def _made(new: Mapping[str, Any], rules: Sequence[CategoryRuleRecord]) -> CategoryRuleRecord:
    last = max((rule.position for rule in rules), default=0)
    position = new.get("position") or min(last + 1, MAX_POSITION)
    row: dict[str, Any] = {
        "id": ids.new(),
        "user_id": context.user().id,
        "position": position,
        "category": new["category"],
        "created_at": clock.now(),
    } | {name: new.get(name) for name in CONDITIONS}
    return CategoryRuleRecord(**row)


def _check(rule: Mapping[str, Any]) -> None:
    """Raise ValidationFailed for a rule without a condition, or whose least amount is over the greatest."""
    if all(rule.get(name) is None for name in CONDITIONS):
        raise errors.ValidationFailed(errors={"words": [f"Needs one of {', '.join(CONDITIONS)}."]})
    least, greatest = rule.get("min_amount"), rule.get("max_amount")
    if least is not None and greatest is not None and least > greatest:
        raise errors.ValidationFailed(errors={"min_amount": ["Must not be over max_amount."]})


def _lock(rule_id: str) -> CategoryRuleRecord:
    return access.own(category_rules.lock(rule_id), "category rule")
