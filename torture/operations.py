"""Operations that clients send: random ones from a seed, and what each of them asks for.

The description of a movement, or the merchant of a hold, is the *mark* of its operation: it shows in the final state
which operation made a row.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

CURRENCY: Final = "EUR"
FIRST_DEPOSIT: Final = 50_000
TOO_MUCH: Final = 10**9

READS: Final = frozenset({"read_account", "read_history"})
SIGN_INS: Final = frozenset({"login", "refresh"})

WEIGHTS: Final = {
    "transfer": 30,
    "batch": 8,
    "deposit": 12,
    "withdrawal": 12,
    "authorization": 8,
    "capture": 6,
    "void": 3,
    "reversal": 5,
    "refresh": 1,
    "read_account": 8,
    "read_history": 8,
}


@dataclass(frozen=True)
class Operation:
    """One request that a client may send several times; ``id`` is its ``Idempotency-Key`` and its mark.

    ``role`` says with which session of the client it is sent. ``secret`` is a body that is written to no file.
    """

    id: str
    kind: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    role: str = "customer"
    secret: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def has_key(self) -> bool:
        """Whether a resend with the same key gets the first answer."""
        return self.kind not in READS and self.kind not in SIGN_INS


@dataclass(frozen=True)
class Customer:
    """A user with accounts in EUR and a card on the first one."""

    email: str
    accounts: list[str]
    card: str


class Targets:
    """Transfers and holds that operations of all clients refer to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, list[str]] = {}

    def add(self, kind: str, resource_id: str) -> None:
        """Offer a resource as a target; the newest 50 of a kind are kept."""
        with self._lock:
            found = self._found.setdefault(kind, [])
            found.append(resource_id)
            del found[:-50]

    def pick(self, kind: str, rng: random.Random) -> str | None:
        """Return one of the targets of ``kind``, or None while there is none."""
        with self._lock:
            found = self._found.get(kind)
            return rng.choice(found) if found else None


class Generator:
    """Makes the operations of one client. The same seed makes the same operations for the same targets."""

    def __init__(self, prefix: str, rng: random.Random, me: Customer, everybody: list[Customer], targets: Targets):
        self._prefix = prefix
        self._rng = rng
        self.customer = me
        self._accounts = [account for customer in everybody for account in customer.accounts]
        self.targets = targets
        self._count = 0
        self._first = [("deposit", account) for account in me.accounts]

    def next(self) -> Operation:
        """Return the next operation: first a deposit on each own account, then random ones."""
        if self._first:
            kind, account = self._first.pop()
            return self._movement(kind, account, FIRST_DEPOSIT)
        [kind] = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
        make: Callable[[], Operation | None] = getattr(self, f"_{kind}")
        return make() or self._transfer()

    def new(self, kind: str, method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> Operation:
        """Return an operation with a new id."""
        self._count += 1
        return Operation(f"{self._prefix}-{self._count:06}", kind, method, path, body, **more)

    def _deposit(self) -> Operation:
        return self._movement("deposit", self._own(), self._amount())

    def _withdrawal(self) -> Operation:
        return self._movement("withdrawal", self._own(), self._amount())

    def _movement(self, kind: str, account: str, amount: int) -> Operation:
        body = {"account_id": account, "type": kind, "amount": amount, "currency": self._currency()}
        return self._marked(kind, "/transactions", body)

    def _transfer(self) -> Operation:
        return self._marked("transfer", "/transfers", self._order())

    def _batch(self) -> Operation:
        orders = [self._order() for _ in range(self._rng.randint(2, 8))]
        body = {"atomic": self._rng.random() < 0.5, "transfers": orders}
        operation = self.new("batch", "POST", "/transfers/batch", body)
        for index, order in enumerate(orders):
            order["description"] = f"{operation.id}/{index}"
        return operation

    def _authorization(self) -> Operation:
        body = {"amount": self._amount(), "currency": self._currency()}
        return self._marked("authorization", f"/cards/{self.customer.card}/authorizations", body, "merchant")

    def _capture(self) -> Operation | None:
        hold = self.targets.pick(f"authorization of {self.customer.email}", self._rng)
        # Every hold is of at least 1, so this part of it is never refused.
        body = {"amount": 1} if self._rng.random() < 0.5 else {}
        return None if hold is None else self.new("capture", "POST", f"/authorizations/{hold}/capture", body)

    def _void(self) -> Operation | None:
        hold = self.targets.pick(f"authorization of {self.customer.email}", self._rng)
        return None if hold is None else self.new("void", "POST", f"/authorizations/{hold}/void")

    def _reversal(self) -> Operation | None:
        transfer = self.targets.pick("transfer", self._rng)
        return (
            None if transfer is None else self.new("reversal", "POST", f"/transfers/{transfer}/reversal", role="staff")
        )

    def _refresh(self) -> Operation:
        return self.new("refresh", "POST", "/auth/refresh")

    def _read_account(self) -> Operation:
        return self.new("read_account", "GET", f"/accounts/{self._own()}")

    def _read_history(self) -> Operation:
        return self.new("read_history", "GET", f"/transactions?account_id={self._own()}&limit=3")

    def _marked(self, kind: str, path: str, body: dict[str, Any], mark: str = "description") -> Operation:
        operation = self.new(kind, "POST", path, body)
        body[mark] = operation.id
        return operation

    def _order(self) -> dict[str, Any]:
        source = self._own()
        target = self._rng.choice([account for account in self._accounts if account != source])
        amount, currency = self._amount(), self._currency()
        return {"from_account_id": source, "to_account_id": target, "amount": amount, "currency": currency}

    def _own(self) -> str:
        return self._rng.choice(self.customer.accounts)

    def _amount(self) -> int:
        return TOO_MUCH if self._rng.random() < 0.04 else self._rng.randint(1, 900)

    def _currency(self) -> str:
        return "USD" if not self._first and self._rng.random() < 0.02 else CURRENCY
