"""The operations on an account and a card in each of their states: the whole table of the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import Bank, Caller, ok, refused


@dataclass
class Scene:
    """Ada's account with 1,000 and a card, another account of hers, and staff."""

    ada: Caller
    staff: Caller
    account: dict[str, Any]
    other: dict[str, Any]
    card: dict[str, Any]
    hold: dict[str, Any] | None = None
    transfer: dict[str, Any] | None = None

    def act_on_account(self, what: str) -> TestResponse:
        if what in ("freeze", "unfreeze"):
            return self.staff.post(f"/accounts/{self.account['id']}/{what}")
        return self.ada.post(f"/accounts/{self.account['id']}/{what}")

    def act_on_card(self, what: str) -> TestResponse:
        return self.ada.post(f"/cards/{self.card['id']}/{what}")

    def reverse(self) -> TestResponse:
        assert self.transfer is not None
        return self.staff.post(f"/transfers/{self.transfer['id']}/reversal")

    def end_hold(self, how: str) -> TestResponse:
        assert self.hold is not None
        return self.ada.post(f"/authorizations/{self.hold['id']}/{how}")


Operation = Callable[[Scene], TestResponse]

ACCOUNT_OPERATIONS: dict[str, Operation] = {
    "deposit": lambda s: s.ada.move(s.account, 5, "deposit"),
    "withdrawal": lambda s: s.ada.move(s.account, 5, "withdrawal"),
    "transfer out": lambda s: s.ada.transfer(s.account, s.other, 5),
    "transfer in": lambda s: s.ada.transfer(s.other, s.account, 5),
    "card issue": lambda s: s.ada.post("/cards", {"account_id": s.account["id"], "type": "physical"}),
    "card authorization": lambda s: s.ada.authorize(s.card, 5),
    "capture": lambda s: s.end_hold("capture"),
    "void": lambda s: s.end_hold("void"),
    "staff reversal": Scene.reverse,
    "statement": lambda s: s.ada.get(f"/statements/{s.account['id']}?format=csv"),
    "history": lambda s: s.ada.get(f"/transactions?account_id={s.account['id']}"),
}

CARD_OPERATIONS: dict[str, Operation] = {
    "authorization": lambda s: s.ada.authorize(s.card, 5),
    "capture": lambda s: s.end_hold("capture"),
    "void": lambda s: s.end_hold("void"),
    "block": lambda s: s.act_on_card("block"),
    "unblock": lambda s: s.act_on_card("unblock"),
    "terminate": lambda s: s.act_on_card("terminate"),
}

YES = "yes"
NOT_ACTIVE = (422, "account_not_active")
CONFLICT = (409, "state_conflict")
CANNOT_BE = "cannot be"

# Rows of the contract's table: active, frozen, closed; then active, blocked, terminated.
ACCOUNT_TABLE = {
    "deposit": (YES, NOT_ACTIVE, NOT_ACTIVE),
    "withdrawal": (YES, NOT_ACTIVE, NOT_ACTIVE),
    "transfer out": (YES, NOT_ACTIVE, NOT_ACTIVE),
    "transfer in": (YES, NOT_ACTIVE, NOT_ACTIVE),
    "card issue": (YES, NOT_ACTIVE, NOT_ACTIVE),
    "card authorization": (YES, NOT_ACTIVE, NOT_ACTIVE),
    "capture": (YES, NOT_ACTIVE, CANNOT_BE),
    "void": (YES, YES, CANNOT_BE),
    "staff reversal": (YES, YES, NOT_ACTIVE),
    "statement": (YES, YES, YES),
    "history": (YES, YES, YES),
}
CARD_TABLE = {
    "authorization": (YES, CONFLICT, CONFLICT),
    "capture": (YES, YES, YES),
    "void": (YES, YES, YES),
    "block": (YES, CONFLICT, CONFLICT),
    "unblock": (CONFLICT, YES, CONFLICT),
    "terminate": (YES, YES, CONFLICT),
}
ACCOUNT_CASES = [
    pytest.param(ACCOUNT_OPERATIONS[name], state, name, outcome, id=f"account {state}: {name}")
    for name, outcomes in ACCOUNT_TABLE.items()
    for state, outcome in zip(("active", "frozen", "closed"), outcomes, strict=True)
]
CARD_CASES = [
    pytest.param(CARD_OPERATIONS[name], f"card {state}", name, outcome, id=f"card {state}: {name}")
    for name, outcomes in CARD_TABLE.items()
    for state, outcome in zip(("active", "blocked", "terminated"), outcomes, strict=True)
]


@pytest.fixture(scope="module")
def scene_of(app: Any) -> Callable[[], Scene]:
    bank = Bank(app)
    ada, staff = bank.customer(), bank.employee()

    def make() -> Scene:
        account, other = ada.account(balance=1_000), ada.account(balance=1_000)
        return Scene(ada, staff, account, other, ada.card(account))

    return make


def bring_into(scene: Scene, state: str) -> None:
    if state == "frozen":
        ok(scene.act_on_account("freeze"))
    elif state == "closed":
        ok(scene.ada.move(scene.account, scene.ada.balance(scene.account), "withdrawal"), 201)
        ok(scene.act_on_account("close"))
    elif state == "card blocked":
        ok(scene.act_on_card("block"))
    elif state == "card terminated":
        ok(scene.act_on_card("terminate"))


@pytest.mark.parametrize(("operation", "state", "name", "outcome"), [*ACCOUNT_CASES, *CARD_CASES])
def test_each_operation_answers_as_the_table_says(
    scene_of: Callable[[], Scene], operation: Operation, state: str, name: str, outcome: Any
) -> None:
    scene = scene_of()
    if name in ("capture", "void"):
        scene.hold = scene.ada.hold(scene.card, 5)
    if name == "staff reversal":
        scene.transfer = ok(scene.ada.transfer(scene.account, scene.other, 5), 201)
    if outcome == CANNOT_BE:
        refused(scene.act_on_account("close"), 409, "account_not_empty")
        return
    bring_into(scene, state)
    before = scene.ada.balances(scene.account)
    response = operation(scene)
    if outcome == YES:
        assert response.status_code in (200, 201), response.get_data(as_text=True)
    else:
        refused(response, *outcome)
        assert scene.ada.balances(scene.account) == before


def test_a_hold_can_be_captured_after_the_account_is_unfrozen(scene_of: Callable[[], Scene]) -> None:
    scene = scene_of()
    scene.hold = scene.ada.hold(scene.card, 5)
    bring_into(scene, "frozen")
    refused(scene.end_hold("capture"), *NOT_ACTIVE)
    ok(scene.act_on_account("unfreeze"))
    ok(scene.end_hold("capture"))
    assert scene.ada.balances(scene.account) == (995, 995)
