"""Random sequences of requests: every answer, balance and history equals that of a plain model.

HYPOTHESIS_PROFILE=deep runs more and longer sequences.
"""

from __future__ import annotations

import itertools
import os
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support import model
from tests.support.books import faults
from tests.support.factories import Bank, Caller, ok
from tests.support.model import Account, Order, Outcome, Transfer

EXAMPLES: Final = {"quick": (12, 40), "deep": (300, 60)}
AMOUNTS: Final = st.integers(1, 400)
PEOPLE: Final = st.sampled_from(["ada", "bob"])
SELDOM: Final = st.sampled_from([False] * 7 + [True])
CURRENCIES: Final = st.sampled_from(["EUR", "EUR", "EUR", "USD"])


def outcome(reply: Any) -> Outcome:
    """Return the code of a refusal, None for a success; a 5xx fails the test."""
    assert reply.status_code < 500, reply.get_data(as_text=True)
    return reply.get_json()["code"] if reply.status_code >= 400 else None


class AnySequence(RuleBasedStateMachine):
    """Two customers with accounts and cards, and staff; each rule acts on the bank and on the model."""

    accounts: Bundle[Account] = Bundle("accounts")
    transfers: Bundle[Transfer] = Bundle("transfers")
    holds: Bundle[tuple[Account, str]] = Bundle("holds")
    # Shared by all sequences, because they use one bank, which remembers the keys of each customer.
    keys: Final = itertools.count()

    def __init__(self, bank: Bank, people: dict[str, Caller], staff: Caller) -> None:
        super().__init__()
        self.bank, self.people, self.staff = bank, people, staff
        self.known: list[Account] = []
        self.cards: dict[Account, Any] = {}
        self.last: tuple[Caller, str, Any, str, Any] | None = None

    def post(self, caller: Caller, path: str, body: Any = None) -> Any:
        key = f"key-{next(self.keys)}"
        reply = caller.post(path, body, key=key)
        self.last = (caller, path, body, key, reply)
        return reply

    @initialize(target=accounts)
    def begin(self) -> Any:
        opened = [self._open(owner, "EUR") for owner in ("ada", "bob")]
        for account in opened:
            self.move(account, "deposit", 500, "EUR")
        return multiple(*opened)

    @precondition(lambda self: len(self.known) < 5)
    @rule(target=accounts, owner=PEOPLE, currency=CURRENCIES)
    def open(self, owner: str, currency: str) -> Account:
        return self._open(owner, currency)

    def _open(self, owner: str, currency: str) -> Account:
        caller = self.people[owner]
        made = ok(caller.post("/accounts", {"type": "checking", "currency": currency}), 201)
        account = Account(made["id"], owner, currency)
        self.cards[account] = caller.card(made)
        self.known.append(account)
        return account

    @rule(account=accounts, kind=st.sampled_from(["deposit", "withdrawal"]), amount=AMOUNTS, currency=CURRENCIES)
    def move(self, account: Account, kind: str, amount: int, currency: str) -> None:
        body = {"account_id": account.id, "type": kind, "amount": amount, "currency": currency}
        reply = self.post(self.people[account.owner], "/transactions", body)
        assert outcome(reply) == model.move(account, kind, amount, currency)

    @rule(target=transfers, source=accounts, other=accounts, amount=AMOUNTS, stranger=SELDOM)
    def transfer(self, source: Account, other: Account, amount: int, stranger: bool) -> Any:
        order = Order(source, other, amount)
        caller = {"ada": "bob", "bob": "ada"}[source.owner] if stranger else source.owner
        reply = self.post(self.people[caller], "/transfers", _body(order))
        refusal = model.transfer(order, caller, source.currency)
        assert outcome(reply) == refusal
        return multiple() if refusal else Transfer(reply.get_json()["id"], source, other, amount)

    @rule(
        target=transfers,
        orders=st.lists(st.builds(Order, accounts, accounts, AMOUNTS), min_size=1, max_size=6),
        atomic=st.booleans(),
        stranger=SELDOM,
    )
    def batch(self, orders: list[Order], atomic: bool, stranger: bool) -> Any:
        caller = orders[0].source.owner
        if not stranger:
            orders = [order for order in orders if order.source.owner == caller]
        body = {"transfers": [_body(order, "EUR") for order in orders], "atomic": atomic}
        reply = self.post(self.people[caller], "/transfers/batch", body)
        answer = reply.get_json()
        outcomes = model.batch(orders, caller, "EUR", atomic=atomic)
        if atomic and any(outcomes):
            first = next(refusal for refusal in outcomes if refusal)
            assert outcome(reply) == ("validation_error" if first == "not_found" else first)
            assert sorted(map(int, answer["errors"])) == [at for at, refusal in enumerate(outcomes) if refusal]
            return multiple()
        assert [item["error"]["code"] if "error" in item else None for item in answer["items"]] == outcomes
        made = zip(answer["items"], orders, strict=True)
        return multiple(
            *(
                Transfer(item["transfer"]["id"], order.source, order.target, order.amount)
                for item, order in made
                if "transfer" in item
            )
        )

    @rule(target=transfers, made=transfers)
    def reverse(self, made: Transfer) -> Any:
        reply = self.post(self.staff, f"/transfers/{made.id}/reversal")
        refusal = model.reverse(made)
        assert outcome(reply) == refusal
        if refusal:
            return multiple()
        return Transfer(reply.get_json()["id"], made.target, made.source, made.amount, final=True)

    @rule(account=accounts, what=st.sampled_from(["freeze", "unfreeze", "unfreeze", "close"]))
    def switch(self, account: Account, what: str) -> None:
        reply = self.staff.post(f"/accounts/{account.id}/{what}")
        assert outcome(reply) == model.switch(account, what)

    @rule(target=holds, account=accounts, amount=AMOUNTS)
    def hold(self, account: Account, amount: int) -> Any:
        body = {"amount": amount, "currency": account.currency, "merchant": "Corner Bookshop"}
        reply = self.post(self.people[account.owner], f"/cards/{self.cards[account]['id']}/authorizations", body)
        refusal = model.hold(account, amount)
        assert outcome(reply) == refusal
        if refusal:
            return multiple()
        account.holds[reply.get_json()["id"]] = amount
        return account, reply.get_json()["id"]

    @rule(held=holds, amount=AMOUNTS)
    def capture(self, held: tuple[Account, str], amount: int) -> None:
        account, identifier = held
        path = f"/authorizations/{identifier}/capture"
        reply = self.post(self.people[account.owner], path, {"amount": amount})
        assert outcome(reply) == model.capture(account, identifier, amount)

    @rule(held=consumes(holds))
    def void(self, held: tuple[Account, str]) -> None:
        account, identifier = held
        reply = self.post(self.people[account.owner], f"/authorizations/{identifier}/void")
        assert outcome(reply) == model.void(account, identifier)

    @rule()
    def repeat_the_last_request(self) -> None:
        if self.last is not None:
            caller, path, body, key, first = self.last
            again = caller.post(path, body, key=key)
            if outcome(first) != "validation_error" or path == "/transfers/batch":
                assert "Idempotent-Replayed" in again.headers
            assert (again.status_code, outcome(again)) == (first.status_code, outcome(first))

    def teardown(self) -> None:
        for account in self.known:
            caller = self.people[account.owner]
            now = ok(caller.get(f"/accounts/{account.id}"))
            assert (now["balance"], now["available_balance"]) == (account.balance, account.balance - account.held)
            assert now["status"] == account.status
            history = ok(caller.get(f"/transactions?account_id={account.id}&limit=100"))["items"]
            assert [row["balance_after"] for row in history] == account.history[::-1][:100]
        assert faults(self.bank.app) == []


def _body(order: Order, currency: str | None = None) -> dict[str, Any]:
    return {
        "from_account_id": order.source.id,
        "to_account_id": order.target.id,
        "amount": order.amount,
        "currency": currency or order.source.currency,
    }


def test_the_bank_answers_as_the_model_does(fresh_bank: Bank) -> None:
    people = {name: fresh_bank.customer() for name in ("ada", "bob")}
    staff = fresh_bank.employee()
    examples, steps = EXAMPLES[os.environ.get("HYPOTHESIS_PROFILE", "quick")]
    run_state_machine_as_test(
        lambda: AnySequence(fresh_bank, people, staff),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            # The quick run tries the same sequences everywhere; the deep run tries new ones.
            derandomize=examples == EXAMPLES["quick"][0],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
