"""Deposits, withdrawals, and the history of accounts."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.listing import HistoryFilter, Page, Window
from bankapp.models import TransactionRecord
from bankapp.schemas import transactions as schemas
from bankapp.services import transactions
from bankapp.services.idempotency import Claim

blueprint = Blueprint("transactions", __name__, "Deposits, withdrawals, and the history of accounts")


@blueprint.operation(
    Operation(
        "POST",
        "/transactions",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_WRITE,
        body=schemas.NewTransaction,
        answer=schemas.AnnotatedTransaction,
        status=201,
        idempotent=True,
        errors=[
            errors.NotFound,
            errors.InsufficientFunds,
            errors.AccountNotActive,
            errors.CurrencyMismatch,
            errors.BalanceLimitExceeded,
        ],
    )
)
def create_transaction(new: dict[str, Any], claim: Claim | None) -> TransactionRecord:
    """Deposit or withdraw"""
    return transactions.create(**new, claim=claim)


@blueprint.operation(
    Operation(
        "GET",
        "/transactions",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        query=schemas.TransactionQuery,
        answer=schemas.AnnotatedTransaction,
        errors=[errors.NotFound],
    )
)
def list_transactions(account_id: str | None, narrowed: HistoryFilter, window: Window) -> Page[TransactionRecord]:
    """List transactions

    The transactions of one account, or of all your accounts; newest first.
    """
    return transactions.search(account_id, narrowed, window)


@blueprint.operation(
    Operation(
        "GET",
        "/transactions/<id:transaction_id>",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        answer=schemas.AnnotatedTransaction,
    )
)
def read_transaction(transaction_id: str) -> TransactionRecord:
    """Read a transaction"""
    return transactions.get(transaction_id)
