"""Saved payees: whom a customer pays again. They belong to the customer alone; nobody else reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bankapp import clock, context, errors, ids
from bankapp.listing import Owner, Page, Window
from bankapp.models import PayeeRecord, UserRecord
from bankapp.repositories import payees
from bankapp.services import access, audit, commands
from bankapp.services.commands import Command, Decision
from bankapp.services.idempotency import Claim
from bankapp.services.identity import second_factors

MAX_PAYEES: Final = 1_000
"""How many payees a user may have."""


def create(name: str, account_number: str, nickname: str | None = None, claim: Claim | None = None) -> PayeeRecord:
    """Save a payee of the caller. Whether the account exists is not looked up.

    Raises InsufficientScope, PayeeExists when the caller has saved the account before, or LimitExceeded.
    """

    def decide() -> Decision[PayeeRecord]:
        access.demand_all_accounts("save payees")
        user_id = context.user().id
        if payees.count(user_id) >= MAX_PAYEES:
            raise errors.LimitExceeded(f"You have {MAX_PAYEES} payees, which is the limit.")
        payee_id = ids.new()
        row: dict[str, Any] = {
            "id": payee_id,
            "user_id": user_id,
            "name": name,
            "account_number": account_number,
            "nickname": nickname,
            "trusted": False,
            "created_at": clock.now(),
        }
        if not payees.add(row):
            raise errors.PayeeExists("You have saved a payee with this account number before.")
        return Decision(_existing(payee_id), payee_id)

    command = Command("payee_create", "payee", facts={"payee_name": name, "account_number": account_number})
    return commands.carry_out_in_transaction(command, decide, claim)


def get(payee_id: str) -> PayeeRecord:
    """Return the caller's own payee. Raises NotFound."""
    return access.own(payees.get(payee_id), "payee")


def search(window: Window) -> Page[PayeeRecord]:
    """Return the caller's own payees, newest first."""
    caller = context.user()
    return payees.search(Owner(caller.id, caller.account_ids), window)


def change(payee_id: str, changes: Mapping[str, Any]) -> PayeeRecord:
    """Change name or nickname of the caller's own payee. Raises NotFound."""

    def decide() -> Decision[PayeeRecord]:
        payee = _lock(payee_id)
        if changes:
            payees.change(payee_id, dict(changes))
        return Decision(_existing(payee_id), facts=_facts(payee))

    command = Command("payee_change", "payee", payee_id, {"fields": sorted(changes)})
    return commands.carry_out_in_transaction(command, decide)


def remove(payee_id: str) -> None:
    """Delete the caller's own payee. Transfers that were made stay as they are. Raises NotFound."""

    def decide() -> Decision[None]:
        payee = _lock(payee_id)
        payees.remove(payee_id)
        return Decision(None, facts=_facts(payee))

    commands.carry_out_in_transaction(Command("payee_delete", "payee", payee_id), decide)


def trust(payee_id: str, password: str, otp: str | None) -> PayeeRecord:
    """Mark the caller's own payee as trusted, after a check of password and code.

    A list of trusted payees needs strong authentication of the customer (Delegated Regulation (EU) 2018/389, Article
    13). Raises NotFound, InvalidCredentials, OtpRequired or RateLimited.
    """
    get(payee_id)

    def mark(_: UserRecord) -> PayeeRecord:
        payee = _lock(payee_id)
        payees.change(payee_id, {"trusted": True})
        audit.record("payee_trust", resource_type="payee", resource_id=payee_id, metadata=_facts(payee))
        return _existing(payee_id)

    return second_factors.with_proof("payee_trust", password, otp, mark)


def untrust(payee_id: str) -> PayeeRecord:
    """Take the mark away from the caller's own payee. It takes no proof, since it gives no power. Raises NotFound."""

    def decide() -> Decision[PayeeRecord]:
        payee = _lock(payee_id)
        payees.change(payee_id, {"trusted": False})
        return Decision(_existing(payee_id), facts=_facts(payee))

    return commands.carry_out_in_transaction(Command("payee_untrust", "payee", payee_id), decide)


def _lock(payee_id: str) -> PayeeRecord:
    return access.own(payees.lock(payee_id), "payee")


def _existing(payee_id: str) -> PayeeRecord:
    payee = payees.get(payee_id)
    assert payee is not None, "the payee was stored or locked in this transaction"
    return payee


def _facts(payee: PayeeRecord) -> dict[str, str]:
    return {"payee_name": payee.name, "account_number": payee.account_number}
