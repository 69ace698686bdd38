"""The server passes on the largest body that an operation declares, not only the default one."""

from __future__ import annotations

from tests.support.factories import ok
from tests.support.servers import RemoteBank


def test_a_full_batch_passes_the_server(remote_bank: RemoteBank) -> None:
    ada = remote_bank.customer()
    source, target = ada.account(balance=500), ada.account()
    one = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 1, "currency": "EUR"}
    transfers = [one | {"description": f"{number:0140}"} for number in range(500)]
    ok(ada.post("/transfers/batch", {"transfers": transfers}))
    assert ok(ada.get(f"/accounts/{target['id']}/balance"))["balance"] == 500
