"""Transfers between accounts."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint
from bankapp.listing import Page, Window
from bankapp.models import Transfer
from bankapp.schemas import transfers as schemas
from bankapp.services import transfers
from bankapp.services.transfers import Order

blueprint = Blueprint("transfers", __name__, "Transfers between accounts")


@blueprint.operation(
    "POST",
    "/transfers",
    access=Access.USER,
    body=schemas.NewTransfer,
    answer=schemas.Transfer,
    status=201,
    idempotent=True,
    errors=[
        errors.NotFound,
        errors.SameAccount,
        errors.InsufficientFunds,
        errors.AccountNotActive,
        errors.CurrencyMismatch,
        errors.BalanceLimitExceeded,
    ],
)
def create_transfer(order: Order) -> dict[str, Any]:
    """Transfer money

    From one's own account to any account of the same currency, named by id or by IBAN.
    """
    return transfers.create(order)


@blueprint.operation(
    "GET",
    "/transfers",
    access=Access.USER,
    query=schemas.TransferQuery,
    answer=schemas.Transfer,
    errors=[errors.NotFound],
)
def list_transfers(account_id: str | None, window: Window) -> Page[Transfer]:
    """List transfers

    From or to one account, or any of one's accounts; newest first.
    """
    return transfers.search(account_id, window)


@blueprint.operation("GET", "/transfers/<id:transfer_id>", access=Access.USER, answer=schemas.Transfer)
def read_transfer(transfer_id: str) -> Transfer:
    """Read a transfer

    The owner of either side may.
    """
    return transfers.get(transfer_id)
