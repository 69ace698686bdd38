"""The ledger: the only writer of transactions and transfers, and so of balances.

:func:`lock` takes the accounts, or :func:`look` only sees them; :func:`draft` checks the rules on them
and makes the rows, which are stored with the outcome of what they are part of (see
:mod:`bankapp.services.audit`), or at once by :func:`post`. A posting is one balanced movement; a single
transfer is a list of one, a batch a list of many, and the number of statements is the same. The
database verifies what is computed here (see the guards in ``migrations``): the rules in Python explain
a refusal, the database guarantees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bankapp import clock, database, errors, ids, money
from bankapp.models.transaction import CASH_DIRECTIONS, CREDIT, DIRECTIONS
from bankapp.repositories import account_states, accounts, authorizations, ledger
from bankapp.repositories.account_states import Look

Row = dict[str, Any]

COUNTER_LEGS: Final = {
    "deposit": "cash_received",
    "withdrawal": "cash_paid",
    "card_purchase": "card_settlement",
}
"""What the bank's cash account books against a movement of a customer's account."""


@dataclass(slots=True)
class AccountState:
    """A customer's account as it was read. Amounts are minor units; posting moves it along."""

    id: str
    number: str
    user_id: str
    status: str
    currency: str
    balance: int
    held: int
    sequence: int
    last_posted_at: datetime | None
    locked: bool = field(default=False, kw_only=True)
    read_balance: int = field(init=False)
    read_sequence: int = field(init=False)

    def __post_init__(self) -> None:
        self.read_balance, self.read_sequence = self.balance, self.sequence


Accounts = dict[str, AccountState]
"""Accounts by id."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What one account gets or gives; ``account`` is None for the bank's cash account."""

    account: AccountState | None
    type: str


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced movement of ``amount`` minor units in one currency."""

    kind: str
    legs: tuple[Leg, ...]
    amount: int
    currency: str
    description: str | None = None
    reverses_transfer_id: str | None = None
    id: str = field(default_factory=ids.new)


@dataclass(frozen=True, slots=True)
class Posted:
    """What is written: the legs on customers' accounts, in order, and the transfer where it is one."""

    transactions: tuple[Row, ...]
    transfer: Row | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What becomes of each posting once ``rows``, by table, are stored; ``base`` is what of the accounts they go by."""

    outcomes: list[Posted | errors.BankError]
    rows: dict[str, list[Row]]
    base: list[Row]

    def only(self) -> Posted:
        """Return what becomes of a single posting. Raises the refusal."""
        [outcome] = self.outcomes
        if isinstance(outcome, errors.BankError):
            raise outcome
        return outcome


def cash_account_id(currency: str) -> str:
    """Return the id of the bank's own cash account in ``currency``."""
    return ids.of_bank(f"cash:{currency}")


def lock(account_ids: Iterable[str], numbers: Iterable[str] = ()) -> Accounts:
    """Lock accounts, by id or IBAN, until the transaction ends, in the order of their ids; an unknown one is left out.

    Holds that have expired are released, so that none counts against what is done under the lock.
    """
    named = {*account_ids, *accounts.ids_of_numbers(numbers)}
    locked = {row.id: AccountState(*row, locked=True) for row in account_states.lock(named)}
    holding = [account.id for account in locked.values() if account.held]
    if holding:
        for account_id, amount in authorizations.release_overdue(holding, clock.now()):
            locked[account_id].held -= amount
    return locked


def look(account_ids: Iterable[str], numbers: Iterable[str] = ()) -> Look:
    """Return a look at the accounts that :func:`lock` would lock, which keeps nobody from them (see :func:`seen`)."""
    return Look(sorted(account_ids), sorted(numbers))


def seen(look: Look) -> Accounts:
    """Return the accounts as they were seen.

    What may have changed by the time the rows are stored, the database moves along or refuses (see
    ``repositories.attempts``).
    """
    states = [AccountState(*row) for row in look.rows()]
    return {account.id: account for account in states}


def movement(type: str, account: AccountState, amount: int, currency: str, description: str | None) -> Posting:
    """Return a movement between ``account`` and the bank's cash: a deposit, withdrawal or card purchase."""
    legs = (Leg(account, type), Leg(None, COUNTER_LEGS[type]))
    return Posting(type, legs, amount, currency, description)


def transfer(
    source: AccountState,
    target: AccountState,
    amount: int,
    currency: str,
    description: str | None,
    *,
    reverses_transfer_id: str | None = None,
) -> Posting:
    """Return a transfer from ``source`` to ``target``, or the reversal of an earlier one. Raises SameAccount."""
    if source.id == target.id:
        raise errors.SameAccount("A transfer needs two different accounts.")
    legs = (Leg(source, "transfer_out"), Leg(target, "transfer_in"))
    kind = "reversal" if reverses_transfer_id else "transfer"
    return Posting(kind, legs, amount, currency, description, reverses_transfer_id)


def post_one(posting: Posting) -> Posted:
    """Post a single posting at once. Raises the refusal."""
    drafted = draft([posting])
    posted = drafted.only()
    ledger.add(drafted.rows)
    return posted


def post(postings: Sequence[Posting]) -> list[Posted | errors.BankError]:
    """Post at once what :func:`draft` makes of ``postings``, and return what became of each."""
    drafted = draft(postings)
    ledger.add(drafted.rows)
    return drafted.outcomes


def draft(postings: Sequence[Posting]) -> Draft:
    """Check in order, each on what the ones before leave behind, and make the rows of those that can be.

    The accounts must be locked, unless the rows are stored together with ``base``. A refused posting moves
    nothing and leaves the others alone; a caller who wants all or none raises when it sees a refusal.
    Refusals: AccountNotActive, CurrencyMismatch, InsufficientFunds, BalanceLimitExceeded.
    """
    accounts = [leg.account for posting in postings for leg in posting.legs if leg.account]
    # Time does not run backwards within an account, whichever machine's clock wrote the last transaction.
    moment = max([clock.now(), *[account.last_posted_at for account in accounts if account.last_posted_at]])
    outcomes: list[Posted | errors.BankError] = []
    transfers: list[Row] = []
    transactions: list[Row] = []
    rows: list[Row] = []
    for posting in postings:
        try:
            _check(posting)
        except errors.BankError as refusal:
            outcomes.append(refusal)
            continue
        legs = [_leg(posting, leg, moment) for leg in posting.legs]
        posted = Posted(tuple(row for row in legs if row["sequence"]), _transfer(posting, moment))
        outcomes.append(posted)
        transactions += legs
        rows.append({"id": posting.id, "kind": posting.kind, "created_at": moment})
        if posted.transfer:
            transfers.append(posted.transfer)
    base = [
        {"id": account.id, "balance": account.read_balance, "sequence": account.read_sequence}
        for account in {account.id: account for account in accounts}.values()
    ]
    return Draft(outcomes, {"transfers": transfers, "transactions": transactions, "postings": rows}, base)


def _check(posting: Posting) -> None:
    allowed = ("active", "frozen") if posting.kind == "reversal" else ("active",)
    legs = [(leg.account, DIRECTIONS[leg.type]) for leg in posting.legs if leg.account]
    for account, _ in legs:
        check_usable(account, posting.currency, allowed)
    for account, direction in legs:
        if direction == CREDIT:
            if account.balance + posting.amount > money.MAX_BALANCE:
                raise errors.BalanceLimitExceeded("The balance would leave the range the bank can keep.")
        else:
            check_funds(account, posting.amount)


def check_usable(account: AccountState, currency: str, statuses: Sequence[str] = ("active",)) -> None:
    """Refuse an account in another state or currency. Raises AccountNotActive or CurrencyMismatch."""
    if account.status not in statuses:
        raise errors.AccountNotActive(f"The account is {account.status}.", extra={"account_id": account.id})
    if account.currency != currency:
        raise errors.CurrencyMismatch(f"The account is kept in {account.currency}, not {currency}.")


def check_funds(account: AccountState, amount: int) -> None:
    """Refuse more (minor units) than the balance less the holds on it. Raises InsufficientFunds or NeedsLock."""
    if account.balance - account.held < amount:
        if account.held and not account.locked:
            # Some of the holds may have expired: they are released under the lock.
            raise database.NeedsLock
        raise errors.InsufficientFunds("The available balance does not cover the amount.")


def _leg(posting: Posting, leg: Leg, moment: datetime) -> Row:
    account = leg.account
    if account is None:
        account_id, sequence, balance_after = cash_account_id(posting.currency), None, None
        direction = CASH_DIRECTIONS[leg.type]
    else:
        direction = DIRECTIONS[leg.type]
        account.balance += direction * posting.amount
        account.sequence += 1
        account.last_posted_at = moment
        account_id, sequence, balance_after = account.id, account.sequence, account.balance
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
        "created_at": moment,
    }


def _transfer(posting: Posting, moment: datetime) -> Row | None:
    if posting.kind not in ("transfer", "reversal"):
        return None
    source, target = [leg.account for leg in posting.legs]
    assert source is not None
    assert target is not None
    return {
        "id": posting.id,
        "from_account_id": source.id,
        "to_account_id": target.id,
        "amount": posting.amount,
        "currency": posting.currency,
        "description": posting.description,
        "reverses_transfer_id": posting.reverses_transfer_id,
        "created_at": moment,
    }
