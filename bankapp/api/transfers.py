"""Transfers between accounts."""

from __future__ import annotations

from typing import Any, Final

from bankapp import errors
from bankapp.api import limits
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation, Scope
from bankapp.listing import Page, Window
from bankapp.models import TransferRecord
from bankapp.schemas import transfers as schemas
from bankapp.services import transfers
from bankapp.services.idempotency import Claim
from bankapp.services.transfers import Batch, Order

BATCH_BODY_LIMIT_BYTES: Final = 1024 * 1024

blueprint = Blueprint("transfers", __name__, "Transfers between accounts")


_REFUSALS = (errors.InsufficientFunds, errors.AccountNotActive, errors.BalanceLimitExceeded)
_ORDER_REFUSALS = (
    errors.RateLimited,
    errors.SameAccount,
    errors.CurrencyMismatch,
    errors.PayeeNotPayable,
    errors.PayeeVerificationRequired,
    *_REFUSALS,
)


@blueprint.operation(
    Operation(
        "POST",
        "/transfers",
        access=Access.USER,
        scope=Scope.TRANSFERS_WRITE,
        body=schemas.NewTransfer,
        answer=schemas.Transfer,
        status=201,
        idempotent=True,
        errors=[errors.NotFound, *_ORDER_REFUSALS],
    )
)
def create_transfer(order: Order, claim: Claim | None) -> TransferRecord:
    """Transfer money

    From your own account to any account of the same currency, named by its id or its IBAN.

    `payee_verification_token` is the `token` of `POST /v1/payee-verifications` for the same account, not older than 15
    minutes; any other is refused with `payee_verification_required`. A bank may demand one for every transfer to
    somebody else's account.
    """
    with limits.payee_lookups():
        return transfers.create(order, claim)


@blueprint.operation(
    Operation(
        "POST",
        "/transfers/batch",
        access=Access.USER,
        scope=Scope.TRANSFERS_WRITE,
        body=schemas.NewBatch,
        body_limit_bytes=BATCH_BODY_LIMIT_BYTES,
        answer=schemas.Batch,
        idempotent=True,
        errors=[*_ORDER_REFUSALS],
    )
)
def create_batch(new: dict[str, Any], claim: Claim | None) -> Batch:
    """Make many transfers in one request

    The transfers are made in order, in one transaction; each sees the balances that the earlier ones left.

    With `"atomic": true` (the default) either all transfers are made or none. Any refusal makes the answer 422: `code`
    is that of the first refused transfer, and `errors` has the reasons by index. An unknown account counts as
    `validation_error`.

    With `"atomic": false` each transfer succeeds or fails by itself, and `items` has the outcome of each.
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
        scope=NO_KEYS,
        answer=schemas.Transfer,
        status=201,
        idempotent=True,
        errors=[errors.StateConflict, *_REFUSALS],
    )
)
def reverse_transfer(transfer_id: str, claim: Claim | None) -> TransferRecord:
    """Reverse a transfer (staff)

    A transfer can be reversed once. The receiver's available balance must cover the amount. Frozen accounts allow a
    reversal, closed ones do not.

    The reversal is a transfer in the other direction. Its `reverses_transfer_id` names the original; the original's
    `reversed_by_transfer_id` names the reversal.
    """
    return transfers.reverse(transfer_id, claim)


@blueprint.operation(
    Operation(
        "GET",
        "/transfers",
        access=Access.USER,
        scope=Scope.TRANSFERS_READ,
        query=schemas.TransferQuery,
        answer=schemas.Transfer,
        errors=[errors.NotFound],
    )
)
def list_transfers(account_id: str | None, window: Window) -> Page[TransferRecord]:
    """List transfers

    The transfers from or to one account, or any of your accounts; newest first. `counterparty` is the other side of
    that account. A transfer between two of your accounts, and the list of staff over all accounts, show the payee.
    """
    return transfers.search(account_id, window)


@blueprint.operation(
    Operation(
        "GET", "/transfers/<id:transfer_id>", access=Access.USER, scope=Scope.TRANSFERS_READ, answer=schemas.Transfer
    )
)
def read_transfer(transfer_id: str) -> TransferRecord:
    """Read a transfer

    The owners of both accounts may read it. `counterparty` is the other side: the payer for the payee, and the payee
    for everybody else, staff included.
    """
    return transfers.get(transfer_id)
