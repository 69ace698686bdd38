"""Many clients at one moment: nothing is made out of nothing, nothing is lost, nobody gets a 5xx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.factories import Bank, ok
from tests.servers import RemoteBank, Reply, at_once


def outcomes(replies: Sequence[Any]) -> Counter[Any]:
    """Count the replies by status, and by code where they are refusals."""
    return Counter(
        (reply.status_code, reply.get_json()["code"]) if reply.status_code >= 400 else reply.status_code
        for reply in replies
    )


def test_sixteen_withdrawals_of_what_covers_one(remote_bank: RemoteBank) -> None:
    ada = remote_bank.customer()
    account = ada.account(balance=1_000)
    replies = at_once([lambda: ada.move(account, 900, "withdrawal")] * 16)
    assert outcomes(replies) == {201: 1, (422, "insufficient_funds"): 15}
    assert ada.balance(account) == 100
