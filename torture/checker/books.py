"""The arithmetic of the final state: legs, balances and the total of the bank."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from torture.checker.effects import promised_effects
from torture.checker.verdict import BALANCE, ONE_SIDED, TOTAL, Finding
from torture.history import Entry
from torture.observation import Observation

Row = dict[str, Any]
Leg = tuple[str, str, int, str, str]

SIGNS: Final = {"deposit": 1, "transfer_in": 1, "withdrawal": -1, "transfer_out": -1, "card_purchase": -1}


def check_books(entries: Sequence[Entry], observation: Observation) -> Iterator[Finding]:
    """Yield transfers and captures without their legs, balances that do not replay, and a wrong total."""
    yield from _check_legs(observation)
    for account in observation.accounts:
        yield from _check_balance(account, observation)
    yield from _check_total(entries, observation)


def _check_legs(observation: Observation) -> Iterator[Finding]:
    legs: dict[str, list[Leg]] = defaultdict(list)
    purchases: Counter[Leg] = Counter()
    for rows in observation.transactions.values():
        for row in rows:
            if row["transfer_id"] is not None:
                legs[row["transfer_id"]].append(_leg(row["type"], row["account_id"], row))
            elif row["type"] == "card_purchase":
                purchases[_leg(row["type"], row["account_id"], row)] += 1
    yield from _check_transfers(observation.transfers, legs)
    yield from _check_purchases(observation.authorizations, purchases)


def _check_transfers(transfers: list[Row], legs: dict[str, list[Leg]]) -> Iterator[Finding]:
    for transfer in transfers:
        sides = (("transfer_in", transfer["to_account_id"]), ("transfer_out", transfer["from_account_id"]))
        expected = [_leg(kind, account_id, transfer) for kind, account_id in sides]
        found = sorted(legs.pop(transfer["id"], []))
        if found != expected:
            mark = transfer["description"].partition("/")[0]
            yield Finding(ONE_SIDED, f"transfer {transfer['id']} has the legs {found}, not {expected}", (mark,))
    for transfer_id, found in legs.items():
        yield Finding(ONE_SIDED, f"the legs {found} belong to a transfer {transfer_id} that is not there")


def _check_purchases(authorizations: list[Row], purchases: Counter[Leg]) -> Iterator[Finding]:
    for hold in authorizations:
        if hold["status"] == "captured":
            taken = hold | {"description": hold["merchant"], "amount": hold["captured_amount"]}
            purchases[_leg("card_purchase", hold["account_id"], taken)] -= 1
    for purchase, count in purchases.items():
        if count:
            problem = "is missing" if count < 0 else "has no captured authorization"
            yield Finding(ONE_SIDED, f"the purchase {purchase} {problem}", (purchase[-1],))


def _leg(kind: str, account_id: str, row: Row) -> Leg:
    return kind, account_id, row["amount"], row["currency"], row["description"]


def _check_balance(account: Row, observation: Observation) -> Iterator[Finding]:
    balance = 0
    for row in observation.transactions.get(account["id"], []):
        balance += SIGNS[row["type"]] * row["amount"]
        if row["balance_after"] != balance:
            message = f"transaction {row['id']} leaves {row['balance_after']}, but those before add up to {balance}"
            yield Finding(BALANCE, message)
            balance = row["balance_after"]
    if account["balance"] != balance:
        message = f"account {account['id']} has the balance {account['balance']}, its transactions add up to {balance}"
        yield Finding(BALANCE, message)
    holds = (row for row in observation.authorizations if row["account_id"] == account["id"])
    held = sum(row["amount"] for row in holds if row["status"] == "pending")
    if account["available_balance"] != account["balance"] - held:
        message = f"account {account['id']} has {account['available_balance']} available of {account['balance']}"
        yield Finding(BALANCE, f"{message}, with {held} on hold")


def _check_total(entries: Sequence[Entry], observation: Observation) -> Iterator[Finding]:
    """Compare what all accounts hold with what the successful operations brought in and took out."""
    if any(entry.outcome is None and entry.operation.has_key for entry in entries):
        return
    expected = 0
    for entry in entries:
        for effect in promised_effects(entry):
            if effect.kind in ("deposit", "withdrawal"):
                expected += SIGNS[effect.kind] * effect.content["amount"]
            elif effect.kind == "capture":
                expected -= effect.content["captured_amount"]
    total = sum(account["balance"] for account in observation.accounts)
    if total != expected:
        yield Finding(TOTAL, f"all accounts hold {total}, the successful operations came to {expected}")
