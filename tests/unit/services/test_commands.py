"""Commands on a real database: what is decided, what of it is stored, and what a failure leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import text

from bankapp import clock, context, db, errors, ids
from bankapp.api.errors import status_of
from bankapp.models.audit_log import FAILURE, SUCCESS
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import idempotency_keys
from bankapp.services import audit, commands, idempotency, ledger
from bankapp.services.commands import Command, Decision, Part, Refused
from bankapp.services.idempotency import Answer, Claim, Replay
from bankapp.services.ledger import Accounts
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok


@dataclass
class Till:
    """A customer with two accounts, who gives commands inside of an application context."""

    bank: Bank
    caller: Caller
    source: dict[str, Any]
    target: dict[str, Any]
    user: context.User
    runs_on_postgresql: bool
    calls: list[Accounts] = field(default_factory=list)
    """The accounts of each call of a ``decide`` that :meth:`transfer` made."""

    @property
    def names(self) -> ledger.AccountNames:
        return ledger.names([self.source["id"], self.target["id"]])

    def command(self, **changes: Any) -> Command:
        facts = {"amount": 60, "step": "command"}
        return Command("transfer", "transfer", **{"facts": facts, "moves_money": True} | changes)

    def claim(self, scope: str) -> Claim:
        """Return the claim of the request ``scope``."""

        def render(result: Any) -> Answer:
            return Answer(201, json.dumps({"result": result}).encode())

        def render_refusal(refusal: errors.BankError) -> Answer:
            return Answer(422, refusal.code.encode())

        return Claim(scope, "fingerprint", self.user.id, render, render_refusal)

    def decide(self, accounts: Accounts, amount: int = 60) -> Decision[str]:
        """Decide on a transfer; the result is its id."""
        self.calls.append(accounts)
        posting = ledger.transfer(accounts[self.source["id"]], accounts[self.target["id"]], amount, "EUR", None)
        draft = ledger.draft([posting])
        draft.only()
        return Decision(posting.id, posting.id, {"step": "decision", "decided": True}, draft)

    def carry_out(
        self,
        decide: Callable[[Accounts], Decision[Any]],
        *,
        command: Command | None = None,
        claim: Claim | None = None,
        on_snapshot: bool = True,
    ) -> Any:
        return commands.carry_out(
            command or self.command(), decide, claim, accounts=self.names, on_snapshot=on_snapshot
        )

    def balances(self) -> tuple[int, int]:
        return self.caller.balance(self.source), self.caller.balance(self.target)

    def audit_rows(self, event_type: str = "transfer") -> list[dict[str, Any]]:
        """Return the customer's audit rows, oldest first."""
        found = ok(self.caller.get(f"/audit-logs?event_type={event_type}&limit=100"))["items"]
        return list(reversed(found))

    def audit_row(self, command: Command) -> dict[str, Any]:
        [found] = [row for row in self.audit_rows(command.event_type) if row["id"] == command.id]
        return found


@pytest.fixture
def till(bank: Bank, dialect: str) -> Iterator[Till]:
    caller = bank.customer()
    user = context.User(caller.user_id, context.CUSTOMER, ids.new(), ids.new())
    made = Till(bank, caller, caller.account(balance=100), caller.account(), user, dialect == "postgresql")
    with bank.app.app_context():
        context.begin(context.Context(request_id="unit-test", user=user))
        yield made


@pytest.fixture
def scope() -> str:
    return ids.new()


def stored_keys(scope: str) -> list[tuple[int | None, bytes | None]]:
    """Return status and body of the answer that is stored for ``scope``; none where the key is free."""
    query = text("SELECT answer_status, answer_body FROM idempotency_keys WHERE scope = :scope").bindparams(scope=scope)
    return [(row[0], None if row[1] is None else bytes(row[1])) for row in db.rows(query)]


def add_event(event_type: str) -> None:
    """Store some row in the open transaction."""
    audit.record(event_type)


# A money command must move money


def without_postings(till: Till, claim: Claim | None, command: Command) -> Any:
    return till.carry_out(lambda _: Decision("done", ids.new()), command=command, claim=claim)


def without_postings_on_locked_accounts(till: Till, claim: Claim | None, command: Command) -> Any:
    return till.carry_out(lambda _: Decision("done", ids.new()), command=command, claim=claim, on_snapshot=False)


def without_postings_in_transaction(till: Till, claim: Claim | None, command: Command) -> Any:
    def decide() -> Decision[str]:
        add_event("trial")
        return Decision("done", ids.new())

    return commands.carry_out_in_transaction(command, decide, claim)


@pytest.mark.parametrize(
    "run", [without_postings, without_postings_on_locked_accounts, without_postings_in_transaction]
)
def test_a_money_command_without_postings_is_an_error_and_stores_nothing(
    till: Till, scope: str, run: Callable[[Till, Claim | None, Command], Any]
) -> None:
    command = till.command()
    with pytest.raises(AssertionError, match="moved no money"):
        run(till, till.claim(scope), command)
    assert stored_keys(scope) == []
    assert till.audit_rows("trial") == []
    row = till.audit_row(command)
    assert (row["status"], row["metadata"]["code"]) == ("failure", "internal_error")
    assert till.balances() == (100, 0)


def test_a_money_command_whose_draft_was_refused_is_an_error(till: Till) -> None:
    def decide(accounts: Accounts) -> Decision[str]:
        draft = ledger.draft([ledger.movement("withdrawal", accounts[till.source["id"]], 101, "EUR", None)])
        return Decision("done", postings=draft)

    with pytest.raises(AssertionError, match="moved no money"):
        till.carry_out(decide)
    assert till.balances() == (100, 0)


def test_a_money_command_may_come_to_refused_parts_alone(till: Till) -> None:
    part = Part(till.command(facts={"index": 0}), errors.InsufficientFunds())
    command = till.command()
    decision = Decision("none", refused=[part])
    assert till.carry_out(lambda _: decision, command=command, on_snapshot=False) == "none"
    assert till.audit_row(command)["status"] == "success"
    refused = till.audit_row(part.command)
    assert (refused["status"], refused["metadata"]) == ("failure", {"index": 0, "code": "insufficient_funds"})


def test_a_command_that_moves_no_money_needs_no_postings(till: Till) -> None:
    command = till.command(moves_money=False)
    assert commands.carry_out_in_transaction(command, lambda: Decision("done")) == "done"
    assert till.audit_row(command)["status"] == "success"


# What is stored


@pytest.mark.parametrize("on_snapshot", [True, False])
def test_postings_answer_and_audit_row_are_stored_together(till: Till, scope: str, on_snapshot: bool) -> None:
    command = till.command()
    result = till.carry_out(till.decide, command=command, claim=till.claim(scope), on_snapshot=on_snapshot)
    assert len(till.calls) == 1
    assert stored_keys(scope) == [(201, json.dumps({"result": result}).encode())]
    assert ok(till.caller.get(f"/transfers/{result}"))["amount"] == 60
    row = till.audit_row(command)
    assert (row["status"], row["resource_id"], row["request_id"]) == ("success", result, "unit-test")
    assert till.balances() == (40, 60)


def test_facts_of_the_decision_complete_those_of_the_command(till: Till) -> None:
    command = till.command()
    till.carry_out(till.decide, command=command)
    assert till.audit_row(command)["metadata"] == {"amount": 60, "step": "decision", "decided": True}


def test_a_decision_without_a_resource_keeps_that_of_the_command(till: Till) -> None:
    command = till.command(resource_id=till.source["id"], moves_money=False)
    commands.carry_out_in_transaction(command, lambda: Decision(None))
    assert till.audit_row(command)["resource_id"] == till.source["id"]


def test_an_answer_is_repeated_without_deciding_again(till: Till, scope: str) -> None:
    first = till.carry_out(till.decide, claim=till.claim(scope))
    with pytest.raises(Replay) as caught:
        till.carry_out(till.decide, claim=till.claim(scope))
    assert caught.value.answer == Answer(201, json.dumps({"result": first}).encode(), replayed=True)
    assert len(till.calls) == 1
    assert [row["status"] for row in till.audit_rows()] == ["success"]
    assert till.balances() == (40, 60)


# A snapshot that no longer holds


def test_decide_gets_the_accounts_that_were_named(till: Till) -> None:
    till.carry_out(till.decide)
    [accounts] = till.calls
    assert {id: account.balance for id, account in accounts.items()} == {till.source["id"]: 100, till.target["id"]: 0}


def meanwhile(till: Till, act: Callable[[], Any], amount: int = 60) -> Callable[[Accounts], Decision[str]]:
    """Return a ``decide`` during whose first call ``act`` changes the accounts that it was given.

    On SQLite it is called under the lock, where nothing else can change them.
    """

    def decide(accounts: Accounts) -> Decision[str]:
        if till.runs_on_postgresql and not till.calls:
            act()
        return till.decide(accounts, amount)

    return decide


def test_a_snapshot_that_no_longer_covers_the_amount_is_decided_again_under_lock(till: Till, scope: str) -> None:
    command = till.command()
    decide = meanwhile(till, lambda: ok(till.caller.move(till.source, 50, "withdrawal"), 201))
    if not till.runs_on_postgresql:
        ok(till.caller.move(till.source, 50, "withdrawal"), 201)
    with pytest.raises(errors.InsufficientFunds):
        till.carry_out(decide, command=command, claim=till.claim(scope))
    assert [accounts[till.source["id"]].balance for accounts in till.calls] == (
        [100, 50] if till.runs_on_postgresql else [50]
    )
    assert stored_keys(scope) == [(422, b"insufficient_funds")]
    assert till.audit_row(command)["metadata"]["code"] == "insufficient_funds"
    assert till.balances() == (50, 0)


def test_a_snapshot_that_still_allows_the_legs_is_not_decided_again(till: Till) -> None:
    command = till.command()
    till.carry_out(meanwhile(till, lambda: till.caller.deposit(till.source, 5)), command=command)
    assert len(till.calls) == 1
    assert till.balances() == (45 if till.runs_on_postgresql else 40, 60)
    assert till.audit_row(command)["status"] == "success"


def test_expired_holds_are_released_before_funds_are_refused(till: Till) -> None:
    card = till.caller.card(till.source)
    with clocks.at(clocks.ago(days=8)):
        till.caller.hold(card, 50)
    till.carry_out(till.decide)
    assert till.calls[-1][till.source["id"]].held == 0
    assert till.balances() == (40, 60)


def test_holds_that_stand_refuse_the_funds(till: Till) -> None:
    till.caller.hold(till.caller.card(till.source), 50)
    with pytest.raises(errors.InsufficientFunds):
        till.carry_out(till.decide)
    assert till.calls[-1][till.source["id"]].held == 50
    assert till.balances() == (100, 0)


def test_decide_is_called_once_where_no_hold_can_be_in_the_way(till: Till) -> None:
    with pytest.raises(errors.InsufficientFunds):
        till.carry_out(lambda accounts: till.decide(accounts, 101))
    assert len(till.calls) == 1


def test_within_a_transaction_decide_is_called_under_lock(till: Till) -> None:
    found: list[bool] = []

    def decide(accounts: Accounts) -> Decision[str]:
        found.append(db.in_transaction())
        return till.decide(accounts)

    db.run(lambda: till.carry_out(decide))
    assert found == [True]
    assert till.balances() == (40, 60)


# Refusals


def test_a_refusal_leaves_no_more_than_its_failed_audit_row(till: Till, scope: str) -> None:
    command = till.command()

    def decide() -> Decision[str]:
        account_rows.change(till.source["id"], {"status": "frozen"})
        raise errors.StateConflict("It is not in the state.")

    with pytest.raises(errors.StateConflict):
        commands.carry_out_in_transaction(command, decide, till.claim(scope))
    row = till.audit_row(command)
    assert (row["status"], row["metadata"]) == (
        "failure",
        {"amount": 60, "step": "command", "code": "state_conflict"},
    )
    assert ok(till.caller.get(f"/accounts/{till.source['id']}"))["status"] == "active"
    assert stored_keys(scope) == [(422, b"state_conflict")]


def test_a_refused_leaves_its_rows_and_facts_with_the_failure(till: Till) -> None:
    command = till.command()
    part = Part(till.command(facts={"index": 3}), errors.SameAccount())

    def decide() -> Decision[str]:
        add_event("rolled_back")
        raise Refused(
            errors.LimitExceeded("Too much."),
            facts={"step": "refused", "rejected": 1},
            parts=[part],
            leave=lambda: add_event("left"),
        )

    with pytest.raises(errors.LimitExceeded, match="Too much"):
        commands.carry_out_in_transaction(command, decide)
    row = till.audit_row(command)
    assert row["status"] == FAILURE
    assert row["metadata"] == {"amount": 60, "step": "refused", "rejected": 1, "code": "limit_exceeded"}
    refused = till.audit_row(part.command)
    assert (refused["status"], refused["metadata"]) == (FAILURE, {"index": 3, "code": "same_account"})
    assert len(till.audit_rows("left")) == 1
    assert till.audit_rows("rolled_back") == []


def test_a_replayed_refusal_is_answered_as_before(till: Till, scope: str) -> None:
    with pytest.raises(errors.InsufficientFunds):
        till.carry_out(lambda accounts: till.decide(accounts, 101), claim=till.claim(scope))
    till.caller.deposit(till.source, 50)
    with pytest.raises(Replay) as caught:
        till.carry_out(lambda accounts: till.decide(accounts, 101), claim=till.claim(scope))
    assert (caught.value.answer.status, caught.value.answer.body) == (422, b"insufficient_funds")
    assert till.balances() == (150, 0)


def leaves(kind: type[errors.BankError]) -> Iterator[type[errors.BankError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from leaves(below)


def is_of_the_service(kind: type[errors.BankError]) -> bool:
    return kind.__module__ == errors.__name__


def is_remembered(kind: type[errors.BankError]) -> bool:
    """Tell what the contract says: validation errors, 401, 403, 429 and 5xx are not remembered."""
    status = status_of(kind)
    if kind.code in ("idempotency_in_flight",) or kind is errors.ValidationFailed:
        return False
    return status not in (401, 403, 429) and status < 500


def test_a_refusal_is_remembered_where_the_contract_says_so(till: Till) -> None:
    kinds = list(filter(is_of_the_service, leaves(errors.BankError)))
    assert len(kinds) > 30
    found = {}
    for kind in kinds:
        scope = ids.new()

        def refuse(kind: type[errors.BankError] = kind) -> Decision[str]:
            raise kind

        with pytest.raises(kind):
            commands.carry_out_in_transaction(till.command(), refuse, till.claim(scope))
        found[kind] = stored_keys(scope)
    assert {kind for kind, stored in found.items() if stored} == set(filter(is_remembered, kinds))
    assert all(stored in ([], [(422, kind.code.encode())]) for kind, stored in found.items())


def test_a_refusal_that_is_not_remembered_leaves_no_rows_behind(till: Till) -> None:
    def decide() -> Decision[str]:
        raise Refused(errors.Unavailable(), leave=lambda: add_event("left"))

    with pytest.raises(errors.Unavailable):
        commands.carry_out_in_transaction(till.command(), decide)
    assert till.audit_rows("left") == []


def test_a_bug_fails_the_command_and_frees_its_key(till: Till, scope: str) -> None:
    command = till.command()

    def decide(accounts: Accounts) -> Decision[str]:
        if not till.calls:
            till.calls.append(accounts)
            raise ZeroDivisionError
        return till.decide(accounts)

    with pytest.raises(ZeroDivisionError):
        till.carry_out(decide, command=command, claim=till.claim(scope))
    assert till.audit_row(command)["metadata"]["code"] == "internal_error"
    assert stored_keys(scope) == []
    till.carry_out(decide, claim=till.claim(scope))
    assert till.balances() == (40, 60)


@pytest.mark.parametrize("on_snapshot", [True, False])
def test_a_claim_that_was_lost_stores_nothing(till: Till, scope: str, on_snapshot: bool) -> None:
    command = till.command()
    claim = till.claim(scope)

    def render(result: Any) -> Answer:
        # The last moment before the decision is stored.
        assert idempotency_keys.take_over(scope, command.id, ids.new(), clock.now())
        return Answer(201, b"{}")

    lost = replace(claim, render=render)
    with pytest.raises(errors.IdempotencyInFlight):
        till.carry_out(till.decide, command=command, claim=lost, on_snapshot=on_snapshot)
    assert till.balances() == (100, 0)
    row = till.audit_row(command)
    assert (row["status"], row["metadata"]["code"]) == ("failure", "idempotency_in_flight")


# Attempts whose worker was killed


class Killed(BaseException):
    """Ends an attempt as a killed worker does: no handler of an Exception runs."""


def begin_and_die(till: Till, claim: Claim, *, seconds_ago: float) -> Command:
    def die(_: Accounts) -> Decision[str]:
        raise Killed

    command = till.command(resource_id=till.source["id"])
    with clocks.at(clocks.ago(seconds=seconds_ago)), pytest.raises(Killed):
        till.carry_out(die, command=command, claim=claim)
    return command


def test_an_attempt_within_its_lease_keeps_its_key(till: Till, scope: str) -> None:
    first = begin_and_die(till, till.claim(scope), seconds_ago=0)
    second = till.command()
    with pytest.raises(errors.IdempotencyInFlight):
        till.carry_out(till.decide, command=second, claim=till.claim(scope))
    assert till.calls == []
    assert stored_keys(scope) == [(None, None)]
    # The second attempt stores no audit row: it did not begin.
    assert [(row["id"], row["status"]) for row in till.audit_rows()] == [(first.id, "pending")]


def test_an_attempt_after_its_lease_is_abandoned_and_its_key_taken_over(till: Till, scope: str) -> None:
    first = begin_and_die(till, till.claim(scope), seconds_ago=6)
    second = till.command()
    result = till.carry_out(till.decide, command=second, claim=till.claim(scope))
    abandoned = till.audit_row(first)
    assert (abandoned["status"], abandoned["resource_id"]) == ("failure", till.source["id"])
    assert abandoned["metadata"] == {"amount": 60, "step": "command", "code": "abandoned"}
    assert (till.audit_row(second)["status"], till.audit_row(second)["resource_id"]) == ("success", result)
    assert stored_keys(scope) == [(201, json.dumps({"result": result}).encode())]
    assert till.balances() == (40, 60)


def test_an_abandoned_attempt_can_neither_store_nor_answer(till: Till, scope: str) -> None:
    claim = till.claim(scope)
    first = begin_and_die(till, claim, seconds_ago=6)
    result = till.carry_out(till.decide, claim=till.claim(scope))
    answer = stored_keys(scope)
    late = claim.answered(first.id, Answer(201, b"late"), clock.now())
    accounts = db.run(lambda: ledger.lock(till.names))

    def store_late() -> None:
        decision = till.decide(accounts, 1)
        outcome = audit.outcome(first.id, SUCCESS, decision.resource_id, {})
        assert not ledger.store(decision.postings, {}, outcome, late)
        raise errors.StateConflict

    with pytest.raises(errors.StateConflict):
        db.run(store_late)
    assert not db.run(lambda: idempotency.keep(claim, first.id, Answer(422, b"late")))
    db.run(lambda: idempotency.release(claim, first.id))
    assert stored_keys(scope) == answer
    assert till.audit_row(first)["metadata"]["code"] == "abandoned"
    assert ok(till.caller.get(f"/transfers/{result}"))["amount"] == 60
    assert till.balances() == (40, 60)
