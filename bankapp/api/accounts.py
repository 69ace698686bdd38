"""Accounts and currencies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bankapp import errors, money
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation, Scope
from bankapp.listing import Page, Window
from bankapp.models import AccountRecord
from bankapp.money import Currency
from bankapp.schemas import accounts as schemas
from bankapp.services import accounts
from bankapp.services.accounts import Balance
from bankapp.services.idempotency import Claim

blueprint = Blueprint("accounts", __name__, "Accounts and currencies")


@blueprint.operation(
    Operation(
        "POST",
        "/accounts",
        access=Access.USER,
        scope=Scope.ACCOUNTS_WRITE,
        body=schemas.NewAccount,
        answer=schemas.Account,
        status=201,
        idempotent=True,
        errors=[errors.AccountHolderRequired],
    )
)
def open_account(new: dict[str, Any], claim: Claim | None) -> AccountRecord:
    """Open an account

    The account's number is an IBAN. The user must be an account holder.
    """
    return accounts.open(**new, claim=claim)


@blueprint.operation(
    Operation(
        "GET",
        "/accounts",
        access=Access.USER,
        scope=Scope.ACCOUNTS_READ,
        query=schemas.AccountQuery,
        answer=schemas.Account,
    )
)
def list_accounts(window: Window) -> Page[AccountRecord]:
    """List accounts

    Customers see their own, staff see all.
    """
    return accounts.search(window)


@blueprint.operation(
    Operation("GET", "/accounts/<id:account_id>", access=Access.USER, scope=Scope.ACCOUNTS_READ, answer=schemas.Account)
)
def read_account(account_id: str) -> AccountRecord:
    """Read an account"""
    return accounts.get(account_id)


@blueprint.operation(
    Operation(
        "PATCH",
        "/accounts/<id:account_id>",
        access=Access.USER,
        scope=Scope.ACCOUNTS_WRITE,
        body=schemas.AccountChange,
        answer=schemas.Account,
        errors=[errors.StateConflict],
    )
)
def change_account(changes: dict[str, Any], account_id: str) -> AccountRecord:
    """Name an account, or change its place among your accounts"""
    return accounts.change(account_id, changes)


@blueprint.operation(
    Operation(
        "GET",
        "/accounts/<id:account_id>/balance",
        access=Access.USER,
        scope=Scope.ACCOUNTS_READ,
        query=schemas.BalanceQuery,
        answer=schemas.Balance,
    )
)
def read_balance(account_id: str, at: datetime | None) -> Balance:
    """Read the balance, now or at an earlier time"""
    return accounts.balance_at(account_id, at)


@blueprint.operation(
    Operation(
        "POST",
        "/accounts/<id:account_id>/freeze",
        access=Access.STAFF,
        scope=NO_KEYS,
        answer=schemas.Account,
        errors=[errors.StateConflict],
    )
)
def freeze_account(account_id: str) -> AccountRecord:
    """Freeze an account (staff)

    No money moves on a frozen account. Two things stay possible: holds can be released, and staff can reverse
    transfers.
    """
    return accounts.freeze(account_id)


@blueprint.operation(
    Operation(
        "POST",
        "/accounts/<id:account_id>/unfreeze",
        access=Access.STAFF,
        scope=NO_KEYS,
        answer=schemas.Account,
        errors=[errors.StateConflict],
    )
)
def unfreeze_account(account_id: str) -> AccountRecord:
    """Unfreeze an account (staff)"""
    return accounts.unfreeze(account_id)


@blueprint.operation(
    Operation(
        "POST",
        "/accounts/<id:account_id>/close",
        access=Access.USER,
        scope=Scope.ACCOUNTS_WRITE,
        answer=schemas.Account,
        errors=[errors.AccountNotEmpty, errors.StateConflict],
    )
)
def close_account(account_id: str) -> AccountRecord:
    """Close an account for good

    The owner and staff may close it. Its balance and its holds must be zero.
    """
    return accounts.close(account_id)


@blueprint.operation(
    Operation(
        "GET",
        "/currencies",
        access=Access.USER,
        scope=Scope.ACCOUNTS_READ,
        query=schemas.CurrencyQuery,
        answer=schemas.Currency,
    )
)
def list_currencies(window: Window) -> Page[Currency]:
    """List the currencies of accounts

    In order of their codes. `exponent` is the number of decimal digits (ISO 4217).
    """
    after = window.after[0] if window.after else ""
    codes = [code for code in money.currencies() if code > after]
    items = [money.currencies()[code] for code in codes[: window.limit]]
    more = len(codes) > window.limit
    return Page(items, (items[-1].code,) if more else None)
