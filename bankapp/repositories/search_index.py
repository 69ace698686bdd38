"""Writes the search index: what lacks, the rows of transactions, and the progress of each account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from sqlalchemy import and_, bindparam, delete, func, select, text, update
from sqlalchemy.orm import aliased

from bankapp import db
from bankapp.models import Account, AccountHolder, Annotation, Transaction, Transfer
from bankapp.models.search import (
    SearchableAccount,
    SearchableTransaction,
    SearchProgress,
    SearchTerm,
    SearchText,
)
from bankapp.models.types import Id
from bankapp.repositories.selecting import select_record
from bankapp.search_terms import SEPARATOR

_INDEXED = func.coalesce(SearchProgress.sequence, 0)
_ACCOUNTS = select_record(SearchableAccount, Account, indexed=_INDEXED).outerjoin(
    SearchProgress, SearchProgress.account_id == Account.id
)
_OF_USER = _ACCOUNTS.join(AccountHolder, AccountHolder.id == Account.holder_id).where(
    AccountHolder.user_id == bindparam("user_id")
)
_BEHIND = _ACCOUNTS.where(Account.sequence > _INDEXED)
_ACCOUNT_ID = bindparam("account_id", type_=Id)
_LOCK = select(SearchProgress.sequence).where(SearchProgress.account_id == _ACCOUNT_ID).with_for_update()
_ORIGINAL = aliased(Transaction, name="original")
_ORIGINAL_REMARKS = aliased(Annotation, name="original_annotation")
_TRANSACTIONS = (
    select_record(
        SearchableTransaction,
        Transaction,
        # A reversal without a category of its own has that of the transaction that it reverses.
        category=func.coalesce(Annotation.category, _ORIGINAL_REMARKS.category),
        notes=Annotation.notes,
        tags=Annotation.tags,
    )
    .outerjoin(Annotation, Annotation.transaction_id == Transaction.id)
    .outerjoin(Transfer, Transfer.id == Transaction.transfer_id)
    .outerjoin(
        _ORIGINAL,
        and_(
            _ORIGINAL.posting_id == Transfer.reverses_transfer_id,
            _ORIGINAL.account_id == Transaction.account_id,
        ),
    )
    .outerjoin(_ORIGINAL_REMARKS, _ORIGINAL_REMARKS.transaction_id == _ORIGINAL.id)
    .where(Transaction.account_id == _ACCOUNT_ID)
)
_REVERSAL = (
    select(Transaction.sequence)
    .join(Transfer, Transfer.id == Transaction.posting_id)
    .where(Transfer.reverses_transfer_id == bindparam("transfer_id", type_=Id), Transaction.account_id == _ACCOUNT_ID)
)
_AFTER = (
    _TRANSACTIONS.where(Transaction.sequence > bindparam("after"))
    .order_by(Transaction.sequence)
    .limit(bindparam("size"))
)
_TEXTS = select(SearchText.terms).where(
    SearchText.account_id == _ACCOUNT_ID, SearchText.sequence.between(bindparam("first"), bindparam("last"))
)

_ADD_TEXTS_SQLITE: Final = text(
    "INSERT INTO search_texts (account_id, sequence, terms)"
    " SELECT :account_id, json_extract(value, '$.sequence'), json_extract(value, '$.text') FROM json_each(:rows)"
)
_ADD_TERMS_SQLITE: Final = text(
    "INSERT INTO search_terms (account_id, term, sequence)"
    " SELECT :account_id, term.value, json_extract(line.value, '$.sequence')"
    " FROM json_each(:rows) AS line, json_each(line.value, '$.terms') AS term ORDER BY 2, 3"
)
_ADD_TEXTS_POSTGRESQL: Final = text(
    "INSERT INTO search_texts (account_id, sequence, terms)"
    " SELECT CAST(:account_id AS uuid), sequence, text"
    " FROM json_to_recordset(CAST(:rows AS json)) AS line (sequence bigint, text text)"
)
_ADD_TERMS_POSTGRESQL: Final = text(
    "INSERT INTO search_terms (account_id, term, sequence)"
    " SELECT CAST(:account_id AS uuid), term, sequence"
    " FROM json_to_recordset(CAST(:rows AS json)) AS line (sequence bigint, terms text[]), unnest(terms) AS term"
    ' ORDER BY term COLLATE "C", sequence'
)


def of_user(user_id: str) -> list[SearchableAccount]:
    """Return the accounts of a user, with their progress."""
    return db.rows(_OF_USER, {"user_id": user_id}, record=SearchableAccount)


def behind(count: int) -> list[SearchableAccount]:
    """Return at most ``count`` accounts that have transactions which are not in the index."""
    return db.rows(_BEHIND.limit(count), record=SearchableAccount)


def used() -> list[str]:
    """Return the ids of all accounts that have transactions."""
    return [row.id for row in db.rows(select(Account.id).where(Account.sequence > 0).order_by(Account.id))]


def lock_progress(account_id: str) -> int:
    """Lock the index of an account until the transaction ends, and return the last sequence in it."""
    db.insert(SearchProgress, {"account_id": account_id, "sequence": 0}, ignore_conflict=True)
    return int(db.value(_LOCK, {"account_id": account_id}))


def set_progress(account_id: str, sequence: int) -> None:
    """Set the last sequence in the index of an account, which is locked."""
    db.change(update(SearchProgress).where(SearchProgress.account_id == account_id).values(sequence=sequence))


def after(account_id: str, sequence: int, size: int) -> list[SearchableTransaction]:
    """Return at most ``size`` transactions of an account after ``sequence``, oldest first."""
    parameters = {"account_id": account_id, "after": sequence, "size": size}
    return db.rows(_AFTER, parameters, record=SearchableTransaction)


def reversal(account_id: str, transfer_id: str) -> int | None:
    """Return the sequence on an account of the reversal of a transfer, or None."""
    found: int | None = db.value(_REVERSAL, {"account_id": account_id, "transfer_id": transfer_id})
    return found


def add(account_id: str, terms: Mapping[int, Sequence[str]]) -> None:
    """Add transactions of an account to the index; ``terms`` are by sequence."""
    lines = [{"sequence": sequence, "terms": found, "text": _joined(found)} for sequence, found in terms.items()]
    texts, words = db.for_dialect(
        sqlite=(_ADD_TEXTS_SQLITE, _ADD_TERMS_SQLITE), postgresql=(_ADD_TEXTS_POSTGRESQL, _ADD_TERMS_POSTGRESQL)
    )
    parameters = {"account_id": account_id, "rows": orjson.dumps(lines).decode()}
    db.change(texts, parameters)
    db.change(words, parameters)


def remove(account_id: str, first: int, last: int) -> None:
    """Take the transactions from sequence ``first`` to ``last`` out of the index of an account, which is locked."""
    texts = db.rows(_TEXTS, {"account_id": account_id, "first": first, "last": last})
    terms = {term for row in texts for term in row.terms.strip(SEPARATOR).split(SEPARATOR)}
    db.change(
        delete(SearchTerm).where(
            SearchTerm.account_id == account_id,
            SearchTerm.term.in_(sorted(terms)),
            SearchTerm.sequence.between(first, last),
        )
    )
    db.change(delete(SearchText).where(SearchText.account_id == account_id, SearchText.sequence.between(first, last)))


def _joined(terms: Sequence[str]) -> str:
    return SEPARATOR + "".join(f"{term}{SEPARATOR}" for term in terms)
