"""Queries on accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Select, bindparam, case, cast, func, literal_column, or_, select, update

from bankapp import clock, db
from bankapp.listing import Owner, Page, Window
from bankapp.models import Account, AccountHolder, AccountRecord, Authorization
from bankapp.models.account import CASH
from bankapp.models.authorization import PENDING
from bankapp.models.types import Id, UtcDateTime
from bankapp.repositories.listing import of_owner, page
from bankapp.repositories.selecting import select_record

# The sum of the holds that have expired but were not released. An account without holds costs no look-up.
_OVERDUE = case(
    (
        Account.held > 0,
        # PostgreSQL sums integers as numeric, and money here is integers.
        select(cast(func.coalesce(func.sum(Authorization.amount), 0), BigInteger))
        .where(
            Authorization.account_id == Account.id,
            Authorization.status == PENDING,
            Authorization.expires_at <= bindparam("now", callable_=clock.now, type_=UtcDateTime),
        )
        .correlate_except(Authorization)
        .scalar_subquery(),
    ),
    else_=0,
)
_ACCOUNTS = (
    select_record(
        AccountRecord,
        Account,
        available_balance=Account.balance - Account.held + _OVERDUE,
        user_id=AccountHolder.user_id,
        first_name=AccountHolder.first_name,
        last_name=AccountHolder.last_name,
    )
    .join_from(Account, AccountHolder)
    .where(Account.type != CASH)
)
_BY_ID = _ACCOUNTS.where(Account.id == bindparam("account_id"))
HOLDER_NAME: Final = AccountHolder.first_name + literal_column("' '") + AccountHolder.last_name
"""The name under which a holder's account pays and is paid."""
_HOLDER_OF_NUMBER = (
    select(HOLDER_NAME.label("name"), Account.status)
    .join_from(Account, AccountHolder)
    .where(Account.number == bindparam("number"), Account.type != CASH)
)
_EXISTS = select(Account.id).where(Account.id == bindparam("account_id"))
_IDS_OF_USER = select(Account.id).join_from(Account, AccountHolder).where(AccountHolder.user_id == bindparam("user_id"))
_OF_USER = _ACCOUNTS.where(AccountHolder.user_id == bindparam("user_id")).order_by(
    Account.position.is_(None), Account.position, Account.id
)


def add(row: dict[str, Any]) -> bool:
    """Store a new account; ``row`` has the columns by name. Store nothing and return False if number or id exists."""
    return db.insert(Account, row, ignore_conflict=True)


def exists(account_id: str) -> bool:
    """Tell whether an account has this id; cash accounts count."""
    return db.value(_EXISTS, {"account_id": account_id}) is not None


def get(account_id: str) -> AccountRecord | None:
    """Return the customer's account with this id, or None."""
    return db.one(_BY_ID, {"account_id": account_id}, record=AccountRecord)


class Holder(NamedTuple):
    """Who holds an account, and the account's status."""

    name: str
    status: str


def holder_of_number(number: str) -> Holder | None:
    """Return the holder of the customer's account with this IBAN, or None."""
    return db.one(_HOLDER_OF_NUMBER, {"number": number}, record=Holder)


def change(account_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a locked account; ``values`` are by column name."""
    if values:
        db.change(update(Account).where(Account.id == account_id).values(**values))


def ids_of_owner(owner: Owner) -> list[str]:
    """Return the ids of the accounts on which an owner's rows are."""
    found = [row.id for row in db.rows(_IDS_OF_USER, {"user_id": owner.user_id})]
    return found if owner.account_ids is None else [one for one in found if one in owner.account_ids]


def of_user(user_id: str) -> Sequence[AccountRecord]:
    """Return a user's accounts, oldest first."""
    return db.rows(_OF_USER, {"user_id": user_id}, record=AccountRecord)


def search(owner: Owner | None, window: Window) -> Page[AccountRecord]:
    """Return the accounts of an owner (None: of all customers), newest first."""
    return page(of_owner(_ACCOUNTS, owner, Account.id), [Account.id], window, AccountRecord)


class AccountState(NamedTuple):
    """The part of a customer's account that the rules of the ledger need; amounts are minor units."""

    id: str
    number: str
    user_id: str
    status: str
    currency: str
    balance: int
    held: int
    sequence: int
    last_posted_at: datetime | None
    holder_name: str

    @property
    def account_id(self) -> str:
        """The id again, by the name under which other records have their account's."""
        return self.id


class AccountNames(NamedTuple):
    """Names of customers' accounts in an order: ids and IBANs."""

    ids: tuple[str, ...]
    numbers: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of :func:`states_query`."""
        return {**_numbered("id", self.ids), **_numbered("number", self.numbers)}


@cache
def states_query(ids: int, numbers: int) -> Select[Any]:
    """Return a SELECT of the states of accounts, with one parameter for each of ``ids`` ids and ``numbers`` IBANs."""
    states = select_record(AccountState, Account, user_id=AccountHolder.user_id, holder_name=HOLDER_NAME)
    by_id = Account.id.in_([bindparam(f"id_{index}", type_=Id) for index in range(ids)])
    by_number = Account.number.in_([bindparam(f"number_{index}") for index in range(numbers)])
    named = or_(by_id, by_number) if numbers else by_id
    return states.join_from(Account, AccountHolder).where(named, Account.type != CASH)


@cache
def _locking_query(ids: int) -> Select[Any]:
    return states_query(ids, 0).order_by(Account.id).with_for_update(key_share=True, of=Account)


def lock(names: AccountNames) -> list[AccountState]:
    """Lock customers' accounts in the order of their ids and return their states. Unknown names are skipped.

    PostgreSQL locks the rows; on SQLite the transaction began IMMEDIATE and excludes every writer.
    """
    ids = sorted({*names.ids, *_ids_of_numbers(names.numbers)})
    if not ids:
        return []
    # Padded to a power of two, so that a few statements serve lists of every length.
    size = 1 << (len(ids) - 1).bit_length()
    padded = ids + ids[-1:] * (size - len(ids))
    return db.rows(_locking_query(size), _numbered("id", padded), record=AccountState)


def _ids_of_numbers(numbers: Iterable[str]) -> list[str]:
    distinct = set(numbers)
    if not distinct:
        return []
    query = select(Account.id).where(Account.number.in_(distinct), Account.type != CASH)
    return [row.id for row in db.rows(query)]


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}_{index}": value for index, value in enumerate(values)}
