"""Transfers between accounts."""

from __future__ import annotations

from dataclasses import dataclass

from bankapp.listing import Page, Window
from bankapp.models import Transfer
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import transfers
from bankapp.services import access, accounts, audit, ledger
from bankapp.services.audit import Attempt


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be moved: ``amount`` minor units, to an account named by id or by IBAN."""

    from_account_id: str
    amount: int
    currency: str
    to_account_id: str | None = None
    to_account_number: str | None = None
    description: str | None = None


def create(order: Order) -> ledger.Row:
    """Move money from the caller's account to any account and return the transfer.

    Raises NotFound, SameAccount and the refusals of :func:`ledger.post`.
    """
    attempt = Attempt(
        "transfer",
        "transfer",
        metadata={
            "from_account_id": order.from_account_id,
            "amount": order.amount,
            "currency": order.currency,
        },
    )

    def work() -> ledger.Row:
        to_account_id = _target(order)
        locked = ledger.lock([order.from_account_id, to_account_id])
        source = locked.get(order.from_account_id)
        access.own(source.user_id if source else None, "account")
        target = locked.get(to_account_id)
        if source is None or target is None:
            raise access.not_found("account")
        posting = ledger.transfer(source, target, order.amount, order.currency, order.description)
        posted = ledger.post_one(posting)
        assert posted.transfer is not None
        attempt.resource_id = posting.id
        attempt.metadata["to_account_id"] = to_account_id
        return posted.transfer

    return audit.perform(attempt, work)


def _target(order: Order) -> str:
    if order.to_account_id is not None:
        return order.to_account_id
    found = account_rows.id_of_number(order.to_account_number or "")
    if found is None:
        raise access.not_found("account")
    return found


def get(transfer_id: str) -> Transfer:
    """Return a transfer that the owner of either side, or staff, may see. Raises NotFound."""
    found = transfers.get(transfer_id)
    if found is None:
        raise access.not_found("transfer")
    sides = [account_rows.get(found.from_account_id), account_rows.get(found.to_account_id)]
    owners = [accounts.owner(account) for account in sides]
    mine = next((owner for owner in owners if access.is_me(owner)), owners[0])
    access.read(mine, "transfer", transfer_id)
    return found


def search(account_id: str | None, window: Window) -> Page[Transfer]:
    """Return the transfers of one account, or of all the caller may see. Raises NotFound for a foreign account."""
    if account_id is not None:
        return transfers.of_accounts([accounts.get(account_id).id], window)
    user_id = access.listing("transfer")
    if user_id is None:
        return transfers.of_everybody(window)
    return transfers.of_accounts(account_rows.ids_of_user(user_id), window)
