"""Searches the index: the newest transactions that meet all conditions.

The terms of an account are in the order of their transactions, so a page reads the newest rows of one term, the rarest
one, and tests the other conditions on each row. A term is as quick to find where all transactions have it as where
one has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, cast, func, literal, select, union, union_all

from bankapp import db
from bankapp.listing import HistoryFilter, Page, Position, Window
from bankapp.models import Transaction, TransactionRecord
from bankapp.models.search import SearchTerm, SearchText
from bankapp.models.types import Id
from bankapp.repositories import categorizing
from bankapp.repositories.categorizing import Categorization
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record
from bankapp.repositories.transactions import BY_TIME, REMARKS, filtered, with_remarks
from bankapp.search_terms import Condition

RARE: Final = 1_000
"""The rows of a term up to which they are counted. So many rows are read and sorted at once."""

MAX_BRANCHES: Final = 20
"""How many frequent terms with one beginning are read one by one.

With more of them, the rows of all are read and sorted up to MANY; beyond that the newest rows of the account are tested
until a page is full.
"""

MANY: Final = 10_000

_LAST: Final = "~"
"""Comes after every character of a word."""


@dataclass(frozen=True, slots=True)
class InCategory:
    """The condition that a transaction has ``category`` by ``categorization``."""

    category: str
    categorization: Categorization


def search(
    user_id: str,
    account_ids: Sequence[str],
    filters: HistoryFilter,
    window: Window,
    wanted: InCategory | None = None,
) -> Page[TransactionRecord]:
    """Return transactions of accounts of a user that meet ``filters``, newest first, with the user's annotations.

    ``wanted`` is tested on each row. Without other conditions the newest rows of an account are tested until a page is
    full.
    """
    counts = _counts(account_ids, filters.conditions)
    branches: list[Select[Any]] = []
    for account_id, of_account in zip(account_ids, counts, strict=True):
        if all(of_account):
            branches += _branches(account_id, of_account, filters, window, wanted)
    if not branches:
        return Page([], None)
    found = union(*(select(branch.subquery()) for branch in branches)).subquery()
    lines = select_record(TransactionRecord, Transaction, user_id=literal(user_id, Id), **REMARKS)
    lines = lines.select_from(found).join(
        Transaction, (Transaction.account_id == found.c.account_id) & (Transaction.sequence == found.c.sequence)
    )
    return page(with_remarks(lines, user_id), BY_TIME, window, TransactionRecord)


def _counts(account_ids: Sequence[str], conditions: Sequence[Condition]) -> list[list[int]]:
    """Return for each account how many rows each condition has, counted up to RARE."""
    if not account_ids or not conditions:
        return [[] for _ in account_ids]
    counts: list[Select[Any]] = []
    for account_id in account_ids:
        for condition in conditions:
            some = select(literal(1)).where(*_has(account_id, condition)).limit(RARE).subquery()
            place = cast(literal(len(counts)), Integer).label("place")
            count: Any = select(place, func.count()).select_from(some)
            counts.append(count)
    found = [count for _, count in sorted(map(tuple, db.rows(union_all(*counts))))]
    size = len(conditions)
    return [found[start : start + size] for start in range(0, len(found), size)]


def _has_many(account_id: str, condition: Condition) -> bool:
    some = select(literal(1)).where(*_has(account_id, condition)).limit(MANY).subquery()
    return bool(db.value(select(func.count()).select_from(some)) == MANY)


def _branches(
    account_id: str, counts: Sequence[int], filters: HistoryFilter, window: Window, wanted: InCategory | None
) -> list[Select[Any]]:
    """Return SELECTs of account and sequence, each of at most a page; a transaction may be in several of them."""
    if not counts:
        return [_branch(account_id, None, (), filters, window, wanted=wanted)]
    driver = min(range(len(counts)), key=counts.__getitem__)
    condition = filters.conditions[driver]
    others = [other for place, other in enumerate(filters.conditions) if place != driver]
    drivers = [condition]
    if condition.is_beginning and counts[driver] >= RARE:
        terms = _terms(account_id, condition)
        if len(terms) > MAX_BRANCHES and _has_many(account_id, condition):
            return [_branch(account_id, None, filters.conditions, filters, window, wanted=wanted)]
        if len(terms) <= MAX_BRANCHES:
            drivers = [Condition(term) for term in terms]
    return [_branch(account_id, one, others, filters, window, wanted=wanted) for one in drivers]


def _branch(
    account_id: str,
    driver: Condition | None,
    others: Sequence[Condition],
    filters: HistoryFilter,
    window: Window,
    *,
    wanted: InCategory | None,
) -> Select[Any]:
    """Return the newest rows of a term that meet the other conditions; without ``driver`` the newest of all rows."""
    table: Any = SearchText if driver is None else SearchTerm
    row = (table.account_id, table.sequence)
    query: Any = select(*row).where(table.account_id == account_id)
    if driver is not None:
        query = query.where(*_has(account_id, driver))
        if others:
            same = (SearchText.account_id == table.account_id) & (SearchText.sequence == table.sequence)
            query = query.join(SearchText, same)
        if driver.is_beginning:
            query = query.group_by(*row)
    query = query.where(*map(_contains, others), *_bounds(account_id, table.sequence, filters, window.after))
    if wanted or filters.type or filters.min_amount is not None or filters.max_amount is not None:
        same = (Transaction.account_id == table.account_id) & (Transaction.sequence == table.sequence)
        query = filtered(query.join(Transaction, same), filters)
    if wanted:
        query = categorizing.joined(query, wanted.categorization)
        query = query.where(categorizing.category(wanted.categorization) == wanted.category)
    limited: Select[Any] = query.order_by(table.sequence.desc()).limit(window.limit + 1)
    return limited


def _has(account_id: str, condition: Condition) -> tuple[ColumnElement[bool], ...]:
    account = SearchTerm.account_id == account_id
    if not condition.is_beginning:
        return account, SearchTerm.term == condition.text
    return account, SearchTerm.term >= condition.text, SearchTerm.term < condition.text + _LAST


def _contains(condition: Condition) -> ColumnElement[bool]:
    return categorizing.has_term(SearchText.terms, condition)


def _bounds(
    account_id: str, sequence: Any, filters: HistoryFilter, after: Position | None
) -> list[ColumnElement[bool]]:
    """Return the bounds on the sequence that follow from times: within an account time does not run backwards."""
    bounds: list[ColumnElement[bool]] = []
    if after is not None:
        moment, last_account_id, last_sequence = after
        if account_id == last_account_id:
            bounds.append(sequence < last_sequence)
        else:
            # Of transactions of one moment, those of the account with the greater id come first.
            is_later = account_id > last_account_id
            time = Transaction.created_at
            bounds.append(sequence <= _last(account_id, time < moment if is_later else time <= moment))
    if filters.end is not None:
        bounds.append(sequence <= _last(account_id, Transaction.created_at <= filters.end))
    if filters.start is not None:
        bounds.append(sequence > func.coalesce(_last(account_id, Transaction.created_at < filters.start), 0))
    return bounds


def _last(account_id: str, condition: ColumnElement[bool]) -> Any:
    """Return the sequence of the account's last transaction that meets a condition on time; NULL without one."""
    query = select(Transaction.sequence).where(Transaction.account_id == account_id, condition)
    newest = query.order_by(Transaction.created_at.desc(), Transaction.sequence.desc()).limit(1)
    return newest.correlate(None).scalar_subquery()


def _terms(account_id: str, beginning: Condition) -> list[str]:
    """Return the different terms of an account with a beginning: at most one more than MAX_BRANCHES.

    Each is one step in the index, however many rows it has.
    """
    account, begins, ends = _has(account_id, beginning)
    first = select(func.min(SearchTerm.term).label("term")).where(account, begins, ends)
    found = first.cte("found", recursive=True)
    # Without `begins`: of two lower bounds SQLite takes the first for its step in the index.
    following = select(func.min(SearchTerm.term)).where(account, SearchTerm.term > found.c.term, ends).correlate(found)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.term.is_not(None)))
    query = select(found.c.term).where(found.c.term.is_not(None)).limit(MAX_BRANCHES + 1)
    return [row.term for row in db.rows(query)]
