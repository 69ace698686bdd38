"""Transfers between accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bankapp import errors
from bankapp.listing import Page, Window
from bankapp.models import TransferRecord
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import transfers
from bankapp.services import access, accounts, commands, ledger, payee_verifications
from bankapp.services.commands import Command, Decision, Part, Refused
from bankapp.services.idempotency import Claim
from bankapp.services.ledger import AccountNames, Accounts


@dataclass(frozen=True, slots=True)
class Order:
    """A transfer that is asked for: ``amount`` minor units, to an account named by id or by IBAN.

    ``end_to_end_id`` is the payer's identifier of the payment (ISO 20022), ``reference`` for example that of an
    invoice.
    """

    from_account_id: str
    amount: int
    currency: str
    to_account_id: str | None = None
    to_account_number: str | None = None
    description: str | None = None
    reference: str | None = None
    end_to_end_id: str | None = None
    payee_verification_token: str | None = None


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of the order at ``index``: its transfer, or the refusal."""

    index: int
    transfer: TransferRecord | None = None
    error: errors.BankError | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of many orders, in their order, and of how many."""

    items: list[BatchItem]
    posted: int
    rejected: int


def create(order: Order, claim: Claim | None = None) -> TransferRecord:
    """Move money from the caller's account to any account and return the transfer.

    Raises NotFound, SameAccount, PayeeVerificationRequired and the refusals of :func:`ledger.draft`.
    """

    def decide(accounts: Accounts) -> Decision[TransferRecord]:
        draft = ledger.draft([_posting(order, _by_name(accounts))])
        transfer = _made(draft.only())
        facts = {"to_account_id": transfer.to_account_id}
        if transfer.payee_verification is not None:
            facts["payee_verification"] = transfer.payee_verification
        return Decision(transfer, transfer.id, facts, draft)

    names = ledger.names([order.from_account_id, order.to_account_id], [order.to_account_number])
    return commands.carry_out(_command(order), decide, claim, accounts=names, on_snapshot=True)


def create_batch(orders: Sequence[Order], claim: Claim | None = None, *, atomic: bool) -> Batch:
    """Make many transfers in one transaction, each on what the ones before left behind.

    ``atomic`` makes all or none: raises the first refusal, with all of them by index in ``errors``.
    Otherwise a refused transfer moves nothing and leaves the others alone.
    """
    facts = {"transfers": len(orders), "atomic": atomic}
    command = Command("transfer_batch", "transfer_batch", facts=facts, moves_money=True)

    def decide(accounts: Accounts) -> Decision[Batch]:
        outcomes, draft = _draft(orders, accounts)
        refusals = {at: outcome for at, outcome in enumerate(outcomes) if isinstance(outcome, errors.BankError)}
        refused = [_refused(command, orders[at], at, refusal) for at, refusal in refusals.items()]
        if atomic and refusals:
            raise Refused(_none_made(refusals, len(orders)), facts={"rejected": len(refusals)}, parts=refused)
        items = [
            BatchItem(at, error=outcome) if isinstance(outcome, errors.BankError) else BatchItem(at, outcome)
            for at, outcome in enumerate(outcomes)
        ]
        made = [item.transfer for item in items if item.transfer]
        transfer_ids = [transfer.id for transfer in made]
        facts: dict[str, Any] = {"rejected": len(refusals), "transfer_ids": transfer_ids}
        if any(transfer.payee_verification for transfer in made):
            facts["payee_verifications"] = [transfer.payee_verification for transfer in made]
        return Decision(Batch(items, len(transfer_ids), len(refusals)), facts=facts, postings=draft, refused=refused)

    return commands.carry_out(command, decide, claim, accounts=_names(orders))


def reverse(transfer_id: str, claim: Claim | None = None) -> TransferRecord:
    """Give a transfer's money back, as staff, and return the reversal: a transfer the other way.

    Raises NotFound, StateConflict (reversed before, or itself a reversal), AccountNotActive for a
    closed account, and InsufficientFunds when the receiver's available balance no longer covers it.
    """
    command = Command("reversal", "transfer", transfer_id, {"reverses_transfer_id": transfer_id}, moves_money=True)

    def decide() -> Decision[TransferRecord]:
        original = _existing(transfer_id)
        if original.reverses_transfer_id is not None:
            raise errors.StateConflict("A reversal cannot be reversed.")
        locked = ledger.lock(ledger.names([original.from_account_id, original.to_account_id]))
        # Under the locks, so that of two reversals at once the second sees the first.
        if _existing(transfer_id).reversed_by_transfer_id is not None:
            raise errors.StateConflict("The transfer was reversed before.")
        posting = ledger.transfer(
            locked[original.to_account_id],
            locked[original.from_account_id],
            original.amount,
            original.currency,
            original.description,
            reference=original.reference,
            end_to_end_id=original.end_to_end_id,
            reverses_transfer_id=transfer_id,
        )
        draft = ledger.draft([posting])
        return Decision(_made(draft.only()), posting.id, postings=draft)

    return commands.carry_out_in_transaction(command, decide, claim)


def _existing(transfer_id: str, *, is_received: bool = False) -> TransferRecord:
    found = transfers.get(transfer_id, is_received=is_received)
    if found is None:
        raise access.not_found("transfer")
    return found


def _command(order: Order) -> Command:
    facts = {"from_account_id": order.from_account_id, "amount": order.amount, "currency": order.currency}
    return Command("transfer", "transfer", facts=facts, moves_money=True)


def _refused(batch: Command, order: Order, index: int, refusal: errors.BankError) -> Part:
    command = _command(order)
    return Part(replace(command, facts={**command.facts, "batch_id": batch.id, "index": index}), refusal)


def _none_made(refusals: dict[int, errors.BankError], count: int) -> errors.BankError:
    index, first = next(iter(refusals.items()))
    # An account that is not there is a 404 by itself; in a list it is one wrong field of a request.
    kind = type(first) if isinstance(first, errors.Refused) else errors.Refused
    return kind(
        f"None of the {count} transfers was made, because {len(refusals)} cannot be."
        f" The first is at index {index}: {first.detail}",
        errors={str(at): [refusal.detail] for at, refusal in refusals.items()},
    )


def _names(orders: Sequence[Order]) -> AccountNames:
    """Return the accounts of ``orders``: those that are named by id, and those by IBAN."""
    ids = [name for order in orders for name in (order.from_account_id, order.to_account_id)]
    return ledger.names(ids, [order.to_account_number for order in orders])


def _draft(orders: Sequence[Order], accounts: Accounts) -> tuple[list[TransferRecord | errors.BankError], ledger.Draft]:
    """Return the transfer or the refusal of each order, made in turn, and the draft of those that can be."""
    prepared: list[ledger.Posting | errors.BankError] = []
    by_name = _by_name(accounts)
    for order in orders:
        try:
            prepared.append(_posting(order, by_name))
        except errors.BankError as refusal:
            prepared.append(refusal)
    draft = ledger.draft([item for item in prepared if isinstance(item, ledger.Posting)])
    posted = iter(draft.outcomes)
    outcomes = [next(posted) if isinstance(item, ledger.Posting) else item for item in prepared]
    return [outcome if isinstance(outcome, errors.BankError) else _made(outcome) for outcome in outcomes], draft


def _by_name(accounts: Accounts) -> Accounts:
    """Return accounts by id and by IBAN."""
    return {**accounts, **{account.number: account for account in accounts.values()}}


def _posting(order: Order, by_name: Accounts) -> ledger.Posting:
    """Return the posting of an order. Raises NotFound, SameAccount or PayeeVerificationRequired."""
    source = access.own(by_name.get(order.from_account_id), "account")
    target = by_name.get(order.to_account_id or order.to_account_number or "")
    is_own = target is not None and access.is_own(target.user_id, target.id)
    number = order.to_account_number if target is None else target.number
    # Before the payee's account is looked at: a payer without a verification must not learn whether it exists.
    verified = payee_verifications.of_transfer(order.payee_verification_token, source.user_id, number, is_own=is_own)
    if target is None:
        return ledger.unpayable(source, order.amount, order.currency, access.not_found("account"))
    # An API key must not learn the state of the owner's accounts beyond its limits.
    return ledger.transfer(
        source,
        target,
        order.amount,
        order.currency,
        order.description,
        reference=order.reference,
        end_to_end_id=order.end_to_end_id,
        hides_payee=target.user_id == source.user_id and not is_own,
        payee_verification=verified,
    )


def _made(posted: ledger.Posted) -> TransferRecord:
    assert posted.transfer is not None, "a posting of a transfer has its transfer"
    return posted.transfer


def get(transfer_id: str) -> TransferRecord:
    """Return a transfer that the owner of either side, or staff, may see. Raises NotFound.

    The payee sees the payer as the counterparty; everybody else sees the payee.
    """
    sides = transfers.sides(transfer_id)
    if sides is None:
        raise access.not_found("transfer")
    side = next((side for side in sides if access.is_own(*side)), sides[0])
    access.authorize_read(side.user_id, side.account_id, "transfer", transfer_id)
    return _existing(transfer_id, is_received=side is not sides[0])


def payee_number(transfer: TransferRecord) -> str:
    """Return the IBAN that the caller's own transfer went to. Raises NotFound for everybody but the payer."""
    access.own(account_rows.get(transfer.from_account_id), "transfer")
    target = account_rows.get(transfer.to_account_id)
    assert target is not None, "accounts are never deleted"
    return target.number


def search(account_id: str | None, window: Window) -> Page[TransferRecord]:
    """Return the transfers of one account, or of all the caller may see. Raises NotFound for a foreign account.

    The counterparty is the other side of the account, or of the caller; staff who ask for all see the payees.
    """
    if account_id is not None:
        return transfers.of_accounts([accounts.get(account_id).id], window)
    owner = access.authorize_listing("transfer")
    if owner is None:
        return transfers.of_everybody(window)
    return transfers.of_accounts(account_rows.ids_of_owner(owner), window)
