"""Transfers between accounts."""

from __future__ import annotations

from typing import Any, Final

from bankapp import errors
from bankapp.api import limits
from bankapp.api.blueprint import Access, Blueprint, Operation
from bankapp.listing import Page, Window
from bankapp.models import TransferRecord
from bankapp.schemas import transfers as schemas
from bankapp.services import transfers
from bankapp.services.idempotency import Claim
from bankapp.services.transfers import Batch, Order

BATCH_BODY_LIMIT_BYTES: Final = 1024 * 1024

blueprint = Blueprint("transfers", __name__, "Transfers between accounts")


_REFUSALS = (errors.InsufficientFunds, errors.AccountNotActive, errors.BalanceLimitExceeded)
_ORDER_REFUSALS = (errors.RateLimited, errors.SameAccount, errors.CurrencyMismatch, errors.PayeeNotPayable, *_REFUSALS)


@blueprint.operation(
    Operation(
        "POST",
        "/transfers",
        access=Access.USER,
        body=schemas.NewTransfer,
        answer=schemas.Transfer,
        status=201,
        idempotent=True,
        errors=[errors.NotFound, *_ORDER_REFUSALS],
    )
)
def create_transfer(order: Order, claim: Claim | None) -> TransferRecord:
    """Transfer money

    From one's own account to any account of the same currency, named by id or by IBAN.
    """
    with limits.payee_lookups():
        return transfers.create(order, claim)


@blueprint.operation(
    Operation(
        "POST",
        "/transfers/batch",
        access=Access.USER,
        body=schemas.NewBatch,
        body_limit_bytes=BATCH_BODY_LIMIT_BYTES,
        answer=schemas.Batch,
        idempotent=True,
        errors=[*_ORDER_REFUSALS],
    )
)
def create_batch(new: dict[str, Any], claim: Claim | None) -> Batch:
    """Make many transfers in one request

    They are made in turn, each on what the ones before it left behind, in one transaction. `atomic` (the
    default) makes all or none: any refusal answers 422 with the `code` of the first (`validation_error` when
    it names an account that is not there) and the reasons by index in `errors`. Otherwise those that can be
    made are, and `items` says what became of each.
    """
    with limits.payee_lookups() as count:
        batch = transfers.create_batch(new["transfers"], claim, atomic=new["atomic"])
        count(sum(isinstance(item.error, errors.NotFound | errors.PayeeNotPayable) for item in batch.items))
    return batch


@blueprint.operation(
    Operation(
        "POST",
        "/transfers/<id:transfer_id>/reversal",
        access=Access.STAFF,
        answer=schemas.Transfer,
        status=201,
        idempotent=True,
        errors=[errors.StateConflict, *_REFUSALS],
    )
)
def reverse_transfer(transfer_id: str, claim: Claim | None) -> TransferRecord:
    """Reverse a transfer (staff)

    Once, and while the receiver's available balance covers it; also on frozen accounts, not on closed ones. The
    reversal is a transfer the other way that names the original in `reverses_transfer_id`; the original then
    names it in `reversed_by_transfer_id`.
    """
    return transfers.reverse(transfer_id, claim)


@blueprint.operation(
    Operation(
        "GET",
        "/transfers",
        access=Access.USER,
        query=schemas.TransferQuery,
        answer=schemas.Transfer,
        errors=[errors.NotFound],
    )
)
def list_transfers(account_id: str | None, window: Window) -> Page[TransferRecord]:
    """List transfers

    From or to one account, or any of one's accounts; newest first.
    """
    return transfers.search(account_id, window)


@blueprint.operation(Operation("GET", "/transfers/<id:transfer_id>", access=Access.USER, answer=schemas.Transfer))
def read_transfer(transfer_id: str) -> TransferRecord:
    """Read a transfer

    The owner of either side may.
    """
    return transfers.get(transfer_id)
