"""The category of each transaction as one SQL expression. Insights, the preview of a rule and the search use it.

A transaction has the category of the first of these that gives one: its owner's annotation; for a reversal the
annotation of the transaction that it reverses; the rule for transfers between accounts of one owner; the owner's rules
in their order; the default of its type. A rule looks at the reversed transaction instead of the reversal, so both have
the same category. Texts are compared by the terms of the search index, so the index must be complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, func, literal
from sqlalchemy.orm import aliased

from bankapp import categories, search_terms
from bankapp.models import Annotation, CategoryRuleRecord, Transaction, Transfer
from bankapp.models.search import SearchText
from bankapp.search_terms import SEPARATOR, Condition

_TRANSFER = aliased(Transfer, name="its_transfer")
_ORIGINAL = aliased(Transaction, name="original")
_REMARKS = aliased(Annotation, name="its_annotation")
_ORIGINAL_REMARKS = aliased(Annotation, name="original_annotation")
_TEXT = aliased(SearchText, name="its_text")

IS_REVERSAL: ColumnElement[int] = case((_TRANSFER.reverses_transfer_id.is_not(None), 1), else_=0)
"""1 for a leg of a reversal, else 0."""

COUNTERPARTY: ColumnElement[str | None] = func.coalesce(_ORIGINAL.counterparty_name, Transaction.counterparty_name)
"""The name of the other side; for a reversal the one of the transaction that it reverses."""

_type = func.coalesce(_ORIGINAL.type, Transaction.type)


@dataclass(frozen=True, slots=True)
class Categorization:
    """What decides on the categories of a user's transactions: all the user's accounts, and the rules in order."""

    account_ids: Sequence[str]
    rules: Sequence[CategoryRuleRecord]

    @property
    def needs_index(self) -> bool:
        """Whether a rule compares texts."""
        return any(_conditions(rule) for rule in self.rules)

    def gives(self, category: str) -> bool:
        """Tell whether transactions may have ``category`` that nobody annotated with it."""
        fixed = {categories.OWN_TRANSFERS, categories.UNCATEGORIZED, *categories.DEFAULTS.values()}
        return category in fixed or any(rule.category == category for rule in self.rules)


def joined(query: Select[Any], by: Categorization) -> Select[Any]:
    """Join to ``query``, which selects from transactions, what :func:`category` and the other columns here read."""
    query = (
        query.outerjoin(_TRANSFER, _TRANSFER.id == Transaction.transfer_id)
        .outerjoin(
            _ORIGINAL,
            and_(
                _ORIGINAL.posting_id == _TRANSFER.reverses_transfer_id,
                _ORIGINAL.account_id == Transaction.account_id,
            ),
        )
        .outerjoin(_REMARKS, _REMARKS.transaction_id == Transaction.id)
        .outerjoin(_ORIGINAL_REMARKS, _ORIGINAL_REMARKS.transaction_id == _ORIGINAL.id)
    )
    if not by.needs_index:
        return query
    sequence = func.coalesce(_ORIGINAL.sequence, Transaction.sequence)
    return query.outerjoin(_TEXT, and_(_TEXT.account_id == Transaction.account_id, _TEXT.sequence == sequence))


def category(by: Categorization) -> ColumnElement[str]:
    """Return the category of a transaction."""
    found = case(
        (is_own(by) == 1, literal(categories.OWN_TRANSFERS, String)),
        *((_matches(rule), literal(rule.category, String)) for rule in by.rules),
        *((_type == type, literal(name, String)) for type, name in categories.DEFAULTS.items()),
        else_=literal(categories.UNCATEGORIZED, String),
    )
    return func.coalesce(_REMARKS.category, _ORIGINAL_REMARKS.category, found)


def is_own(by: Categorization) -> ColumnElement[int]:
    """Return 1 for a leg of a transfer between two accounts of the user, else 0."""
    both = and_(_TRANSFER.from_account_id.in_(by.account_ids), _TRANSFER.to_account_id.in_(by.account_ids))
    return case((both, 1), else_=0)


def has_term(terms: Any, condition: Condition) -> ColumnElement[bool]:
    """Tell whether the joined terms of a transaction meet a condition."""
    end = "" if condition.is_beginning else SEPARATOR
    found: ColumnElement[bool] = terms.contains(f"{SEPARATOR}{condition.text}{end}", autoescape=True)
    return found


def _conditions(rule: CategoryRuleRecord) -> list[Condition]:
    conditions = search_terms.asked(rule.words or "")
    if rule.counterparty is not None:
        conditions.append(Condition(search_terms.whole(search_terms.COUNTERPARTY, rule.counterparty)))
    return conditions


def _matches(rule: CategoryRuleRecord) -> ColumnElement[bool]:
    conditions = [has_term(_TEXT.terms, condition) for condition in _conditions(rule)]
    if rule.type is not None:
        conditions.append(_type == rule.type)
    if rule.min_amount is not None:
        conditions.append(Transaction.amount >= rule.min_amount)
    if rule.max_amount is not None:
        conditions.append(Transaction.amount <= rule.max_amount)
    return and_(*conditions)
