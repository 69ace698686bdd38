"""Account holders: the personal data of a user who may open accounts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from bankapp import clock, context, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import AccountHolderRecord
from bankapp.repositories import account_holders
from bankapp.services import access, commands
from bankapp.services.commands import Command, Decision
from bankapp.services.idempotency import Claim

ADULT_YEARS: Final = 18


def create(first_name: str, last_name: str, dob: date, claim: Claim | None = None) -> AccountHolderRecord:
    """Make the caller an account holder. Raises AccountHolderExists, or ValidationFailed under 18 years."""

    def decide() -> Decision[AccountHolderRecord]:
        holder = add(context.user().id, first_name, last_name, dob)
        return Decision(holder, holder.id)

    return commands.carry_out_in_transaction(Command("account_holder_create", "account_holder"), decide, claim)


def add(user_id: str, first_name: str, last_name: str, dob: date) -> AccountHolderRecord:
    """Store an account holder, in the caller's transaction. Raises as :func:`create`."""
    check_age(dob)
    holder_id = ids.new()
    account_holders.add(
        {
            "id": holder_id,
            "user_id": user_id,
            "first_name": first_name,
            "last_name": last_name,
            "dob": dob,
            "version": 1,
            "created_at": clock.now(),
        }
    )
    holder = account_holders.get(holder_id)
    assert holder is not None, "an account holder that was just stored exists"
    return holder


def check_age(dob: date) -> None:
    """Refuse a person who is under 18 years old today (UTC). Raises ValidationFailed."""
    today = clock.now().date()
    birthdays = today.year - dob.year - ((today.month, today.day) < (dob.month, dob.day))
    if birthdays < ADULT_YEARS:
        raise errors.ValidationFailed(errors={"dob": [f"Must be at least {ADULT_YEARS} years ago."]})


def get(holder_id: str) -> AccountHolderRecord:
    """Return an account holder the caller may see. Raises NotFound."""
    return access.visible(account_holders.get(holder_id), "account holder")


def of_caller() -> AccountHolderRecord | None:
    """Return the caller's account holder, or None."""
    return account_holders.of_user(context.user().id)


def mine() -> AccountHolderRecord:
    """Return the caller's own account holder. Raises NotFound."""
    holder = of_caller()
    if holder is None:
        raise access.not_found("account holder")
    return holder


def search(*, email: str | None, name: str | None, window: Window) -> Page[AccountHolderRecord]:
    """Return the caller's own account holder; for staff, all that match the e-mail address and the name."""
    owner = access.authorize_listing("account_holder", email=email, name=name)
    return account_holders.search(owner, email, name, window)


def change(holder_id: str, versions: Collection[str] | None, changes: dict[str, Any]) -> AccountHolderRecord:
    """Change the caller's own names or date of birth and return the account holder.

    ``versions`` are the versions that the caller has read (None: any). Raises NotFound, PreconditionFailed
    for another version, or ValidationFailed under 18 years.
    """

    def decide() -> Decision[AccountHolderRecord]:
        holder = access.own(account_holders.lock(holder_id), "account holder")
        if versions is not None and str(holder.version) not in versions:
            raise errors.PreconditionFailed("The account holder was changed since you read it. Read it again.")
        if "dob" in changes:
            check_age(changes["dob"])
        values = {**changes, "version": holder.version + 1}
        account_holders.change(holder_id, values)
        return Decision(holder._replace(**values))

    command = Command("account_holder_change", "account_holder", holder_id, {"fields": sorted(changes)})
    return commands.carry_out_in_transaction(command, decide)
