"""The ledger: the only module that makes transactions and transfers, and so the only one that moves balances.

:func:`lock` returns accounts under their lock, :func:`draft` checks the rules and makes the rows, :func:`store`
stores them. A posting is one balanced movement. A transfer is a list of one posting, a batch is a list of many;
both take the same number of statements. Triggers and constraints of the database check the same rules (see
``migrations``). The rules here give a refusal its code and its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bankapp import clock, errors, ids, money
from bankapp.models import AuthorizationRecord, TransactionRecord, TransferRecord
from bankapp.models.transaction import CASH_DIRECTIONS, CASH_NAME, CREDIT, DIRECTIONS, Counterparty
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import authorizations, postings
from bankapp.repositories.accounts import AccountNames, AccountState
from bankapp.services import events

__all__ = ["AccountNames", "AccountState"]

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
"""Rows by table."""
Accounts = Mapping[str, AccountState]
"""Accounts by id."""

COUNTER_LEGS: Final = {
    "deposit": "cash_received",
    "withdrawal": "cash_paid",
    "card_purchase": "card_settlement",
}
"""Type of a customer's leg → type of the counter-leg on the bank's cash account."""


@dataclass(frozen=True, slots=True)
class Leg:
    """The part of a posting that moves one account.

    ``account`` is None for the bank's cash account, which has no ``counterparty``.
    """

    account: AccountState | None
    type: str
    counterparty: Counterparty | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced movement of ``amount`` minor units in one currency."""

    kind: str
    legs: tuple[Leg, ...]
    amount: int
    currency: str
    description: str | None = None
    reverses_transfer_id: str | None = None
    hides_payee: bool = False
    """Whether the payer must not learn the payee's state although both accounts are of one user."""
    reference: str | None = None
    end_to_end_id: str | None = None
    refusal: errors.BankError | None = None
    """Why the posting cannot be made although the payer could pay: told after the payer's own side was checked."""
    payee_verification: str | None = None
    """What the payer of a transfer was told of the payee's name."""
    id: str = field(default_factory=ids.new)


@dataclass(frozen=True, slots=True)
class Posted:
    """The result of a posting: its transactions on customers' accounts, in the order of its legs, and its transfer."""

    transactions: tuple[TransactionRecord, ...]
    transfer: TransferRecord | None


@dataclass(frozen=True, slots=True)
class Draft:
    """Postings that were checked but not stored.

    ``outcomes`` has the result or the refusal of each posting, in order. ``rows`` are the rows to store, by table.
    ``base`` holds id, balance and sequence of each account as they were read.
    """

    outcomes: tuple[Posted | errors.BankError, ...] = ()
    rows: Tables = field(default_factory=dict)
    base: tuple[Row, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every posting was refused."""
        return not self.rows.get("postings")

    def only(self) -> Posted:
        """Return the result of the draft's single posting. Raises its refusal."""
        [outcome] = self.outcomes
        if isinstance(outcome, errors.BankError):
            raise outcome
        return outcome


def cash_account_id(currency: str) -> str:
    """Return the id of the bank's own cash account in ``currency``."""
    return ids.of_bank(f"cash:{currency}")


def names(account_ids: Iterable[str | None], numbers: Iterable[str | None] = ()) -> AccountNames:
    """Return the names of accounts, by id and by IBAN, sorted and without duplicates. None is skipped."""
    return AccountNames(tuple(sorted(filter(None, {*account_ids}))), tuple(sorted(filter(None, {*numbers}))))


def lock(named: AccountNames, *, release_expired: bool = True) -> Accounts:
    """Lock customers' accounts in the order of their ids until the transaction ends; return those that exist.

    Expired holds are released, so that they do not count as held. ``release_expired=False`` saves that statement.
    """
    locked = {account.id: account for account in account_rows.lock(named)}
    if not release_expired:
        return locked
    holding = [account.id for account in locked.values() if account.held]
    if holding:
        for hold in release_overdue(holding):
            account = locked[hold.account_id]
            locked[hold.account_id] = account._replace(held=account.held - hold.amount)
    return locked


def release_overdue(account_ids: Sequence[str]) -> Sequence[AuthorizationRecord]:
    """Expire the overdue holds of locked accounts in the open transaction, each with its event; return them."""
    expired = authorizations.release_overdue(account_ids, clock.now())
    for hold in expired:
        events.record("authorization.expired", hold, hold.account_id)
    return expired


def movement(
    type: str,
    account: AccountState,
    amount: int,
    currency: str,
    description: str | None,
    *,
    reference: str | None = None,
    end_to_end_id: str | None = None,
) -> Posting:
    """Return a deposit, withdrawal or card purchase of ``amount`` minor units, against the bank's cash account.

    The description of a card purchase is the name of the merchant.
    """
    name = description if type == "card_purchase" else CASH_NAME
    counterparty = None if name is None else Counterparty(name, None)
    legs = (Leg(account, type, counterparty), Leg(None, COUNTER_LEGS[type]))
    return Posting(type, legs, amount, currency, description, reference=reference, end_to_end_id=end_to_end_id)


def transfer(
    source: AccountState,
    target: AccountState,
    amount: int,
    currency: str,
    description: str | None,
    *,
    reference: str | None = None,
    end_to_end_id: str | None = None,
    reverses_transfer_id: str | None = None,
    hides_payee: bool = False,
    payee_verification: str | None = None,
) -> Posting:
    """Return a transfer of ``amount`` minor units, or with ``reverses_transfer_id`` a reversal. Raises SameAccount."""
    if source.id == target.id:
        raise errors.SameAccount("A transfer needs two different accounts.")
    payer, payee = (Counterparty(account.holder_name, account.number) for account in (source, target))
    return Posting(
        kind="reversal" if reverses_transfer_id else "transfer",
        legs=(Leg(source, "transfer_out", payee), Leg(target, "transfer_in", payer)),
        amount=amount,
        currency=currency,
        description=description,
        reverses_transfer_id=reverses_transfer_id,
        hides_payee=hides_payee,
        reference=reference,
        end_to_end_id=end_to_end_id,
        payee_verification=payee_verification,
    )


def unpayable(source: AccountState, amount: int, currency: str, refusal: errors.BankError) -> Posting:
    """Return a transfer that is refused with ``refusal``, once the payer's own side was checked."""
    return Posting("transfer", (Leg(source, "transfer_out"),), amount, currency, refusal=refusal)


def post(movements: Sequence[Posting]) -> tuple[Posted | errors.BankError, ...]:
    """Check and store postings without a command, for loading and demo data; return the outcome of each."""
    drafted = draft(movements)
    postings.add(drafted.rows)
    return drafted.outcomes


def store(drafted: Draft, rows: Tables, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool:
    """Store a draft, the command's outcome and its answer in the open transaction; False when the claim is lost.

    ``rows`` are further rows of the command: its events, and the audit rows of refused parts. ``outcome`` and
    ``answered`` are the parameters of the two repositories' ``finish``. Raises ConstraintViolated for a bug in the
    rules.
    """
    return postings.store({**drafted.rows, **rows}, outcome, answered)


def store_on_snapshot(drafted: Draft, rows: Tables, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool:
    """Store a draft that was decided without a lock, in one statement that commits by itself; else as :func:`store`.

    The statement adds the changes of each account since it was read to the sequence and balance of its legs.
    Raises ConstraintViolated where the changed accounts do not allow the legs.
    """
    return postings.store_on_snapshot({**drafted.rows, **rows}, drafted.base, outcome, answered)


class _Book:
    """Balances and sequences after each posting of a draft.

    ``moment`` is the draft's time: now, or the last transaction of one of the accounts if that is later. ``base``
    holds id, balance and sequence of each account as they were read.
    """

    def __init__(self, movements: Sequence[Posting]) -> None:
        self.balances: dict[str, int] = {}
        self.sequences: dict[str, int] = {}
        self.moment = clock.now()
        self.base: list[Row] = []
        for posting in movements:
            for leg in posting.legs:
                if leg.account is not None and leg.account.id not in self.balances:
                    self._open(leg.account)

    def _open(self, account: AccountState) -> None:
        self.balances[account.id] = account.balance
        self.sequences[account.id] = account.sequence
        self.base.append({"id": account.id, "balance": account.balance, "sequence": account.sequence})
        if account.last_posted_at is not None and account.last_posted_at > self.moment:
            self.moment = account.last_posted_at


def draft(movements: Sequence[Posting]) -> Draft:
    """Check postings in order, each after the ones before it, and make the rows of those that pass.

    A refused posting moves nothing and leaves the others alone; a caller who wants all or none raises when it
    sees a refusal. Refusals: AccountNotActive, CurrencyMismatch, InsufficientFunds, BalanceLimitExceeded,
    PayeeNotPayable. Two
    drafts that one transaction stores must not share an account: each counts from the accounts as read.
    """
    book = _Book(movements)
    outcomes: list[Posted | errors.BankError] = []
    tables: dict[str, list[Row]] = {"transfers": [], "transactions": [], "postings": []}
    for posting in movements:
        try:
            _check(posting, book)
        except errors.BankError as refusal:
            outcomes.append(refusal)
        else:
            outcomes.append(_post(posting, book, tables))
    return Draft(tuple(outcomes), tables, tuple(book.base))


def _post(posting: Posting, book: _Book, tables: Mapping[str, list[Row]]) -> Posted:
    """Make the rows of a checked posting and add them to ``tables``. The row in ``postings`` seals the legs."""
    transactions: list[TransactionRecord] = []
    for leg in posting.legs:
        row = _leg(posting, leg, book)
        tables["transactions"].append(row)
        if leg.account is not None:
            transactions.append(TransactionRecord(user_id=leg.account.user_id, **row))
    transfer = None
    if posting.kind in ("transfer", "reversal"):
        row = _transfer(posting, book.moment)
        tables["transfers"].append(row)
        transfer = TransferRecord(**row, reversed_by_transfer_id=None, **_seen_by(posting.legs[0], posting))
    tables["postings"].append({"id": posting.id, "kind": posting.kind, "created_at": book.moment})
    return Posted(tuple(transactions), transfer)


def _check(posting: Posting, book: _Book) -> None:
    """Refuse a posting that the accounts do not allow; the payer's own side is told before the payee's."""
    statuses = ("active", "frozen") if posting.kind == "reversal" else ("active",)
    payer_id = None
    for leg in posting.legs:
        if leg.account is not None and DIRECTIONS[leg.type] != CREDIT:
            payer_id = leg.account.user_id
            check_usable(leg.account, posting.currency, statuses)
            check_funds(book.balances[leg.account.id] - leg.account.held, posting.amount)
    if posting.refusal is not None:
        raise posting.refusal
    for leg in posting.legs:
        if leg.account is not None and DIRECTIONS[leg.type] == CREDIT:
            try:
                _check_receiver(leg.account, posting, book.balances[leg.account.id], statuses)
            except errors.Refused as refusal:
                # A payer must not learn the state of another customer's account. Staff, who reverse, may.
                if posting.kind != "transfer" or (leg.account.user_id == payer_id and not posting.hides_payee):
                    raise
                raise errors.PayeeNotPayable("The payee's account cannot receive this transfer.") from refusal


def _check_receiver(account: AccountState, posting: Posting, balance: int, statuses: Sequence[str]) -> None:
    check_usable(account, posting.currency, statuses)
    if balance + posting.amount > money.MAX_BALANCE:
        raise errors.BalanceLimitExceeded("The balance would leave the range the bank can keep.")


def check_usable(account: AccountState, currency: str, statuses: Sequence[str] = ("active",)) -> None:
    """Refuse an account in another state or currency. Raises AccountNotActive or CurrencyMismatch."""
    if account.status not in statuses:
        raise errors.AccountNotActive(f"The account is {account.status}.", extra={"account_id": account.id})
    if account.currency != currency:
        raise errors.CurrencyMismatch(f"The account's currency is {account.currency}, not {currency}.")


def check_funds(available: int, amount: int) -> None:
    """Refuse an amount above the available balance (both in minor units). Raises InsufficientFunds."""
    if available < amount:
        raise errors.InsufficientFunds("The available balance does not cover the amount.")


def _leg(posting: Posting, leg: Leg, book: _Book) -> dict[str, Any]:
    account = leg.account
    sequence = balance_after = None
    if account is None:
        account_id = cash_account_id(posting.currency)
        direction = CASH_DIRECTIONS[leg.type]
    else:
        account_id = account.id
        direction = DIRECTIONS[leg.type]
        book.sequences[account_id] = sequence = book.sequences[account_id] + 1
        book.balances[account_id] = balance_after = book.balances[account_id] + direction * posting.amount
    return {
        "id": ids.new(),
        "account_id": account_id,
        "posting_id": posting.id,
        "transfer_id": posting.id if leg.type in ("transfer_in", "transfer_out") else None,
        "type": leg.type,
        "direction": direction,
        "amount": posting.amount,
        "currency": posting.currency,
        "sequence": sequence,
        "balance_after": balance_after,
        "description": posting.description,
        "created_at": book.moment,
        **_seen_by(leg, posting),
    }


def _seen_by(leg: Leg, posting: Posting) -> dict[str, Any]:
    """Return what a leg's account sees of the other side and the payer's identifiers, by column name."""
    name, account_number = leg.counterparty or (None, None)
    return {
        "counterparty_name": name,
        "counterparty_account_number": account_number,
        "reference": posting.reference,
        "end_to_end_id": posting.end_to_end_id,
    }


def _transfer(posting: Posting, moment: datetime) -> dict[str, Any]:
    source, target = posting.legs[0].account, posting.legs[1].account
    assert source is not None, "a transfer moves money between customers' accounts"
    assert target is not None, "a transfer moves money between customers' accounts"
    return {
        "id": posting.id,
        "from_account_id": source.id,
        "to_account_id": target.id,
        "amount": posting.amount,
        "currency": posting.currency,
        "description": posting.description,
        "reverses_transfer_id": posting.reverses_transfer_id,
        "payee_verification": posting.payee_verification,
        "created_at": moment,
    }
