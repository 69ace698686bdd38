"""Accounts: the operations that each state (active, frozen, closed) permits, and the changes of state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import Bank, Caller, ok, refused


class Scene:
    """An account in a state, its owner, a second account for transfers, and staff."""

    def __init__(self, bank: Bank, state: str) -> None:
        self.ada: Caller = bank.customer()
        self.staff: Caller = bank.employee()
        self.other = self.ada.account(balance=10)
        self.account = self.ada.account(balance=10)
        self.path = f"/accounts/{self.account['id']}"
        if state == "frozen":
            ok(self.staff.post(f"{self.path}/freeze"))
        if state == "closed":
            ok(self.ada.move(self.account, 10, "withdrawal"), 201)
            ok(self.ada.post(f"{self.path}/close"))
        self.account = ok(self.ada.get(self.path))
        assert self.account["status"] == state

    def get(self, path: str) -> TestResponse:
        # Read to the end, because a download that is not read leaves its file open.
        return self.ada.get(path.format(id=self.account["id"]), buffered=True)


Operation = Callable[[Scene], TestResponse]
ACTIVE: Final = {"active": 0, "frozen": 422, "closed": 422}
ALWAYS: Final = {"active": 0, "frozen": 0, "closed": 0}

OPERATIONS: Final[dict[str, tuple[dict[str, int], Operation]]] = {
    "deposit": (ACTIVE, lambda scene: scene.ada.move(scene.account, 5, "deposit")),
    "withdrawal": (ACTIVE, lambda scene: scene.ada.move(scene.account, 5, "withdrawal")),
    "transfer out": (ACTIVE, lambda scene: scene.ada.transfer(scene.account, scene.other, 5)),
    "transfer in": (ACTIVE, lambda scene: scene.ada.transfer(scene.other, scene.account, 5)),
    "card issue": (
        ACTIVE,
        lambda scene: scene.ada.post("/cards", {"account_id": scene.account["id"], "type": "virtual"}),
    ),
    "read": (ALWAYS, lambda scene: scene.get("/accounts/{id}")),
    "balance": (ALWAYS, lambda scene: scene.get("/accounts/{id}/balance")),
    "history": (ALWAYS, lambda scene: scene.get("/transactions?account_id={id}")),
    "statements": (ALWAYS, lambda scene: scene.get("/accounts/{id}/statements")),
    "transfers": (ALWAYS, lambda scene: scene.get("/transfers?account_id={id}")),
    "cards": (ALWAYS, lambda scene: scene.get("/cards?account_id={id}")),
    **{
        f"statement {name}": (ALWAYS, lambda scene, name=name: scene.get(f"/statements/{{id}}?format={name}"))
        for name in ("json", "csv", "pdf", "ofx", "camt053", "mt940")
    },
}


@pytest.fixture(params=["active", "frozen", "closed"])
def scene(bank: Bank, request: pytest.FixtureRequest) -> Scene:
    return Scene(bank, request.param)


def test_state_and_operation(scene: Scene) -> None:
    for name, (outcomes, operation) in OPERATIONS.items():
        state = scene.account["status"]
        answer = operation(scene)
        if outcomes[state]:
            problem = refused(answer, outcomes[state], "account_not_active")
            assert state in problem["detail"], name
            assert problem.get("account_id", scene.account["id"]) == scene.account["id"]
        else:
            assert answer.status_code in (200, 201), (name, state, answer.data)


def test_a_refused_operation_moves_nothing(scene: Scene) -> None:
    if scene.account["status"] != "active":
        for _outcomes, operation in OPERATIONS.values():
            operation(scene)
        assert ok(scene.ada.get(scene.path)) == scene.account
        assert scene.ada.balance(scene.other) == 10


CHANGES: Final = {
    ("freeze", "active"): "frozen",
    ("freeze", "frozen"): "state_conflict",
    ("freeze", "closed"): "state_conflict",
    ("unfreeze", "active"): "state_conflict",
    ("unfreeze", "frozen"): "active",
    ("unfreeze", "closed"): "state_conflict",
    ("close", "active"): "account_not_empty",
    ("close", "frozen"): "account_not_empty",
    ("close", "closed"): "state_conflict",
}


@pytest.mark.parametrize(("change", "state"), CHANGES)
def test_changes_of_state(bank: Bank, change: str, state: str) -> None:
    scene = Scene(bank, state)
    expected = CHANGES[change, state]
    answer = scene.staff.post(f"{scene.path}/{change}")
    if expected in ("active", "frozen"):
        assert ok(answer) == scene.account | {"status": expected}
    else:
        refused(answer, 409, expected)
        assert ok(scene.ada.get(scene.path)) == scene.account


@pytest.mark.parametrize("state", ["active", "frozen"])
@pytest.mark.parametrize("by", ["owner", "staff"])
def test_an_empty_account_is_closed_for_good(bank: Bank, state: str, by: str) -> None:
    ada, staff = bank.customer(), bank.employee()
    account = ada.account()
    path = f"/accounts/{account['id']}"
    if state == "frozen":
        ok(staff.post(f"{path}/freeze"))
    closed = ok({"owner": ada, "staff": staff}[by].post(f"{path}/close"))
    assert closed == account | {"status": "closed"}
    for verb in ("close", "freeze", "unfreeze"):
        refused(staff.post(f"{path}/{verb}"), 409, "state_conflict")
    assert account["id"] in [row["id"] for row in ok(ada.get("/accounts"))["items"]]


def test_only_staff_freeze_and_other_customers_cannot_close(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account = ada.account()
    for verb in ("freeze", "unfreeze"):
        for caller in (ada, bob):
            refused(caller.post(f"/accounts/{account['id']}/{verb}"), 403, "forbidden")
    refused(bob.post(f"/accounts/{account['id']}/close"), 404, "not_found")
    ok(bank.employee("admin").post(f"/accounts/{account['id']}/freeze"))


CARD_CHANGES: Final = {
    "active": {"block": "blocked", "unblock": None, "terminate": "terminated"},
    "blocked": {"block": None, "unblock": "active", "terminate": "terminated"},
    "terminated": {"block": None, "unblock": None, "terminate": None},
}


@pytest.mark.parametrize("state", CARD_CHANGES)
def test_changes_of_a_card(bank: Bank, state: str) -> None:
    ada = bank.customer()
    account = ada.account()
    for change, expected in CARD_CHANGES[state].items():
        card: dict[str, Any] = ok(ada.post("/cards", {"account_id": account["id"], "type": "physical"}), 201)
        path = f"/cards/{card['id']}"
        if state != "active":
            ok(ada.post(f"{path}/{'block' if state == 'blocked' else 'terminate'}"))
        answer = ada.post(f"{path}/{change}")
        if expected:
            assert ok(answer)["status"] == expected
        else:
            refused(answer, 409, "state_conflict")
        assert ok(ada.get(path))["status"] == (expected or state)
        refused(bank.customer().post(f"{path}/{change}"), 404, "not_found")
