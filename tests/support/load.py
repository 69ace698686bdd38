"""Clients that transfer money without a pause while something else happens to the service.

    with Load(bank, lambda: http.client.HTTPConnection(server.address)) as load:
        restart(server)
    assert load.outcomes.keys() == {"201"}

Each client pays 1 at a time from its own account to one common account. A client sends no request twice.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from tests.support.factories import Bank, Caller
from tests.support.servers import until

START: Final = 1_000_000
PAUSE_SECONDS: Final = 0.005

Connect = Callable[[], http.client.HTTPConnection]


@dataclass(frozen=True)
class Payment:
    """A transfer of 1: when its request began, when its answer was there, and the status or the client's error."""

    begun: float
    answered: float
    outcome: str


@dataclass
class Payer:
    """A customer with an account, and the payments from it in their order."""

    caller: Caller
    account: dict[str, Any]
    payments: list[Payment] = field(default_factory=list)

    def pay(self, connection: http.client.HTTPConnection, target: dict[str, Any]) -> None:
        body = {"from_account_id": self.account["id"], "to_account_id": target["id"], "amount": 1, "currency": "EUR"}
        headers = {
            "Authorization": f"Bearer {self.caller.tokens['access_token']}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"payment-{len(self.payments)}",
        }
        begun = time.time()
        try:
            connection.request("POST", "/v1/transfers", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            outcome = str(answer.status)
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            outcome = type(problem).__name__
        self.payments.append(Payment(begun, time.time(), outcome))


class Load:
    """Runs the payers, each in a thread, while the block lasts. Every second payer keeps its connection."""

    def __init__(self, bank: Bank, connect: Connect, payers: int = 4) -> None:
        self._connect = connect
        self._stop = threading.Event()
        self.target = bank.customer().account()
        people = [bank.customer() for _ in range(payers)]
        self.payers = [Payer(person, person.account(balance=START)) for person in people]
        self._threads = [
            threading.Thread(target=self._run, args=(payer, number % 2 == 0))
            for number, payer in enumerate(self.payers)
        ]

    def _run(self, payer: Payer, keeps_connection: bool) -> None:
        connection = self._connect()
        while not self._stop.is_set():
            payer.pay(connection, self.target)
            if not keeps_connection:
                connection.close()
            time.sleep(PAUSE_SECONDS)
        connection.close()

    def wait_for(self, payments: int) -> None:
        """Wait until every payer has made this many further payments."""
        goals = [(payer, len(payer.payments) + payments) for payer in self.payers]
        until(lambda: all(len(payer.payments) >= goal for payer, goal in goals), seconds=60)

    @property
    def outcomes(self) -> Counter[str]:
        """How many payments had each outcome."""
        return Counter(payment.outcome for payer in self.payers for payment in payer.payments)

    def moment_of(self, paid: list[int]) -> tuple[float, float]:
        """Return the earliest and the latest time at which each payer had made as many payments as ``paid`` says.

        There was such a moment if the first time is not after the second.
        """
        both = list(zip(self.payers, paid, strict=True))
        earliest = max((payer.payments[count - 1].begun for payer, count in both if count), default=0)
        later = [payer.payments[count].answered for payer, count in both if count < len(payer.payments)]
        return earliest, min(later, default=time.time())

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.wait_for(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
