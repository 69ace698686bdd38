"""Transfers between accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bankapp import errors
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


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of the order at ``index``: its transfer, or the refusal."""

    index: int
    transfer: ledger.Row | None = None
    error: errors.BankError | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of many orders, in their order, and of how many."""

    items: list[BatchItem]
    posted: int
    rejected: int


def create(order: Order) -> ledger.Row:
    """Move money from the caller's account to any account and return the transfer.

    Raises NotFound, SameAccount and the refusals of :func:`ledger.draft`.
    """
    attempt = _attempt(order)
    sides = _sides([order])
    look = ledger.look(*sides)

    def work(accounts: ledger.Accounts) -> ledger.Row:
        [outcome] = _post(attempt, [order], accounts)
        if isinstance(outcome, errors.BankError):
            raise outcome
        attempt.resource_id = outcome["id"]
        attempt.metadata["to_account_id"] = outcome["to_account_id"]
        return outcome

    return audit.perform(
        attempt, lambda: work(ledger.lock(*sides)), unlocked=lambda: work(ledger.seen(look)), look=look
    )


def create_batch(orders: Sequence[Order], *, atomic: bool) -> Batch:
    """Make many transfers in one transaction, each on what the ones before left behind.

    ``atomic`` makes all or none: raises the first refusal, with all of them by index in ``errors``.
    Otherwise what is refused moves nothing and leaves the others alone.
    """
    attempt = Attempt("transfer_batch", "transfer_batch", metadata={"transfers": len(orders), "atomic": atomic})

    def work() -> Batch:
        outcomes = _post(attempt, orders, ledger.lock(*_sides(orders)))
        refusals = {at: outcome for at, outcome in enumerate(outcomes) if isinstance(outcome, errors.BankError)}
        attempt.refused = [_refused(attempt, orders[at], at, refusal) for at, refusal in refusals.items()]
        attempt.metadata["rejected"] = len(refusals)
        if atomic and refusals:
            raise _none_made(refusals, len(orders))
        items = [
            BatchItem(at, error=outcome) if isinstance(outcome, errors.BankError) else BatchItem(at, outcome)
            for at, outcome in enumerate(outcomes)
        ]
        attempt.metadata["transfer_ids"] = [item.transfer["id"] for item in items if item.transfer]
        return Batch(items, len(orders) - len(refusals), len(refusals))

    return audit.perform(attempt, work)


def reverse(transfer_id: str) -> ledger.Row:
    """Give a transfer's money back, as staff, and return the reversal: a transfer the other way.

    Raises NotFound, StateConflict (reversed before, or itself a reversal), AccountNotActive for a
    closed account, and InsufficientFunds when the receiver's available balance no longer covers it.
    """
    attempt = Attempt("reversal", "transfer", transfer_id, {"reverses_transfer_id": transfer_id})

    def work() -> ledger.Row:
        original = transfers.get(transfer_id)
        if original is None:
            raise access.not_found("transfer")
        if original.reverses_transfer_id is not None:
            raise errors.StateConflict("A reversal cannot be reversed.")
        locked = ledger.lock([original.from_account_id, original.to_account_id])
        # Under the locks, so that of two reversals at once the second sees the first.
        if transfers.reversal_of(transfer_id) is not None:
            raise errors.StateConflict("The transfer was reversed before.")
        posting = ledger.transfer(
            locked[original.to_account_id],
            locked[original.from_account_id],
            original.amount,
            original.currency,
            original.description,
            reverses_transfer_id=transfer_id,
        )
        draft = ledger.draft([posting])
        attempt.resource_id = posting.id
        attempt.writes = draft.rows
        return _transfer(draft.only())

    return audit.perform(attempt, work)


def _attempt(order: Order) -> Attempt:
    facts = {"from_account_id": order.from_account_id, "amount": order.amount, "currency": order.currency}
    return Attempt("transfer", "transfer", metadata=facts)


def _refused(batch: Attempt, order: Order, index: int, refusal: errors.BankError) -> Attempt:
    part = _attempt(order)
    part.metadata |= {"batch_id": batch.id, "index": index, "code": refusal.code}
    return part


def _none_made(refusals: dict[int, errors.BankError], count: int) -> errors.BankError:
    index, first = next(iter(refusals.items()))
    # An account that is not there is a 404 by itself; in a list it is one wrong field of a request.
    kind = type(first) if isinstance(first, errors.Refused) else errors.Refused
    return kind(
        f"None of the {count} transfers was made, because {len(refusals)} cannot be."
        f" The first is at index {index}: {first.detail}",
        errors={str(at): [refusal.detail] for at, refusal in refusals.items()},
    )


def _sides(orders: Sequence[Order]) -> tuple[set[str], set[str]]:
    """Return the accounts of ``orders``: those that are named by id, and those by IBAN."""
    ids = {order.from_account_id for order in orders} | {order.to_account_id for order in orders if order.to_account_id}
    return ids, {order.to_account_number for order in orders if order.to_account_number}


def _post(attempt: Attempt, orders: Sequence[Order], accounts: ledger.Accounts) -> list[ledger.Row | errors.BankError]:
    """Post ``orders`` in turn on their ``accounts``, with ``attempt``; return transfer or refusal of each."""
    by_name = accounts | {account.number: account for account in accounts.values()}
    prepared = [
        _posting(
            order,
            accounts.get(order.from_account_id),
            by_name.get(order.to_account_id or order.to_account_number or ""),
        )
        for order in orders
    ]
    draft = ledger.draft([item for item in prepared if isinstance(item, ledger.Posting)])
    attempt.writes, attempt.base = draft.rows, draft.base
    posted = iter(draft.outcomes)
    outcomes = [next(posted) if isinstance(item, ledger.Posting) else item for item in prepared]
    return [outcome if isinstance(outcome, errors.BankError) else _transfer(outcome) for outcome in outcomes]


def _posting(
    order: Order, source: ledger.AccountState | None, target: ledger.AccountState | None
) -> ledger.Posting | errors.BankError:
    if source is None or target is None or not access.is_me(source.user_id):
        return access.not_found("account")
    try:
        return ledger.transfer(source, target, order.amount, order.currency, order.description)
    except errors.SameAccount as refusal:
        return refusal


def _transfer(posted: ledger.Posted) -> ledger.Row:
    assert posted.transfer is not None
    return posted.transfer


def get(transfer_id: str) -> Transfer:
    """Return a transfer that the owner of either side, or staff, may see. Raises NotFound."""
    found = transfers.get(transfer_id)
    if found is None:
        raise access.not_found("transfer")
    sides = [account_rows.get(found.from_account_id), account_rows.get(found.to_account_id)]
    owners = [account.user_id if account else None for account in sides]
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
