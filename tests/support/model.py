"""A bank in plain Python: the answers that bankapp must give, and the balances that must result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Outcome = str | None
"""The code of the refusal, or None for a success."""


@dataclass(eq=False)
class Account:
    """One account, in minor units."""

    id: str
    owner: str
    currency: str
    balance: int = 0
    status: str = "active"
    holds: dict[str, int] = field(default_factory=dict)
    history: list[int] = field(default_factory=list)

    @property
    def held(self) -> int:
        return sum(self.holds.values())

    def move(self, change: int) -> None:
        self.balance += change
        self.history.append(self.balance)


@dataclass(eq=False)
class Transfer:
    """One transfer; ``final`` when it was reversed or is itself a reversal."""

    id: str
    source: Account
    target: Account
    amount: int
    final: bool = False


@dataclass(frozen=True)
class Order:
    source: Account
    target: Account
    amount: int


def move(account: Account, kind: str, amount: int, currency: str) -> Outcome:
    """Deposit or withdraw."""
    if refusal := _unusable([account], currency):
        return refusal
    if kind == "withdrawal" and account.balance - account.held < amount:
        return "insufficient_funds"
    account.move(amount if kind == "deposit" else -amount)
    return None


def transfer(order: Order, caller: str, currency: str) -> Outcome:
    """Transfer, as ``caller``."""
    if order.source.owner != caller:
        return "not_found"
    if order.source is order.target:
        return "same_account"
    if refusal := _unusable([order.source], currency) or _uncovered(order):
        return refusal
    refusal = _unusable([order.target], currency)
    if refusal and order.target.owner != caller:
        # A payer learns nothing of another customer's account.
        return "payee_not_payable"
    return refusal or _moved(order)


def batch(orders: Sequence[Order], caller: str, currency: str, *, atomic: bool) -> list[Outcome]:
    """Transfer in order; an atomic batch with a refusal changes nothing."""
    touched = {account: account.balance for order in orders for account in (order.source, order.target)}
    lengths = {account: len(account.history) for account in touched}
    outcomes = [transfer(order, caller, currency) for order in orders]
    if atomic and any(outcomes):
        for account, balance in touched.items():
            account.balance = balance
            del account.history[lengths[account] :]
    return outcomes


def reverse(made: Transfer) -> Outcome:
    """Reverse a transfer, as staff."""
    if made.final:
        return "state_conflict"
    order = Order(made.target, made.source, made.amount)
    if order.source.status == "closed":
        return "account_not_active"
    if refusal := _uncovered(order):
        return refusal
    if order.target.status == "closed":
        return "account_not_active"
    made.final = True
    return _moved(order)


def switch(account: Account, what: str) -> Outcome:
    """Freeze, unfreeze or close."""
    before, after = {"freeze": ("active", "frozen"), "unfreeze": ("frozen", "active")}.get(what, ("", "closed"))
    if before and account.status != before:
        return "state_conflict"
    if what == "close":
        if account.status == "closed":
            return "state_conflict"
        if account.balance or account.held:
            return "account_not_empty"
    account.status = after
    return None


def hold(account: Account, amount: int) -> Outcome:
    """Authorize on an active card of the account."""
    if refusal := _unusable([account], account.currency):
        return refusal
    return "insufficient_funds" if account.balance - account.held < amount else None


def capture(account: Account, authorization: str, amount: int) -> Outcome:
    """Capture ``amount`` of a hold and release the rest."""
    if authorization not in account.holds:
        return "state_conflict"
    if amount > account.holds[authorization]:
        return "validation_error"
    if account.status != "active":
        return "account_not_active"
    del account.holds[authorization]
    account.move(-amount)
    return None


def void(account: Account, authorization: str) -> Outcome:
    """Release a hold."""
    return None if account.holds.pop(authorization, None) else "state_conflict"


def _unusable(accounts: Sequence[Account], currency: str) -> Outcome:
    for account in accounts:
        if account.status != "active":
            return "account_not_active"
        if account.currency != currency:
            return "currency_mismatch"
    return None


def _uncovered(order: Order) -> Outcome:
    return "insufficient_funds" if order.source.balance - order.source.held < order.amount else None


def _moved(order: Order) -> Outcome:
    order.source.move(-order.amount)
    order.target.move(order.amount)
    return None
