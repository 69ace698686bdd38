"""The example of docs/events.md: a client that knows all balances from events alone."""

from __future__ import annotations

import random
import re
from typing import Any, Final

from config import ROOT
from tests.support.factories import Bank, ok
from tests.support.streams import number

CODE: Final = re.compile(r"\*\*example consumer\*\*\n\n```python\n(.*?)```", re.DOTALL)


def test_a_consumer_mirrors_the_balances_from_events_alone(fresh_bank: Bank) -> None:
    namespace: dict[str, Any] = {}
    [code] = CODE.findall((ROOT / "docs" / "events.md").read_text())
    exec(code, namespace)
    ada, bob, staff = fresh_bank.customer(), fresh_bank.customer(), fresh_bank.employee()
    accounts = [ada.account(balance=1_000), ada.account(), bob.account(balance=500)]
    card = ada.card(accounts[0])
    balances: dict[str, int] = {}
    position = 0
    source = random.Random(7)
    for _ in range(8):
        for _ in range(6):
            payer = source.choice(accounts)
            caller = bob if payer is accounts[2] else ada
            payee = source.choice([account for account in accounts if account is not payer])
            made = caller.transfer(payer, payee, source.randint(1, 200))
            if made.status_code == 201 and source.random() < 0.3:
                staff.post(f"/transfers/{made.get_json()['id']}/reversal")
        hold = ada.authorize(card, 10)
        if hold.status_code == 201:
            ok(ada.post(f"/authorizations/{hold.get_json()['id']}/capture"))
        number(fresh_bank.app)
        position = namespace["follow"](lambda path: ok(ada.get(path.removeprefix("/v1"))), balances, position)
        assert balances == {account["id"]: ada.balance(account) for account in accounts[:2]}
    assert position > 100
