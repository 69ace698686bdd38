"""Account holders: the person behind a user."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from bankapp import clock, context, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import AccountHolder
from bankapp.repositories import account_holders
from bankapp.services import access, audit
from bankapp.services.audit import Attempt

ADULT_YEARS: Final = 18


def create(first_name: str, last_name: str, dob: date) -> AccountHolder:
    """Make the caller an account holder. Raises AccountHolderExists or ValidationFailed."""
    attempt = Attempt("account_holder_create", "account_holder")

    def work() -> AccountHolder:
        holder = add(context.user().id, first_name, last_name, dob)
        attempt.resource_id = holder.id
        return holder

    return audit.perform(attempt, work)


def add(user_id: str, first_name: str, last_name: str, dob: date) -> AccountHolder:
    """Store an account holder, in the caller's transaction. Raises as :func:`create`."""
    check_age(dob)
    holder = AccountHolder(
        id=ids.new(),
        user_id=user_id,
        first_name=first_name,
        last_name=last_name,
        dob=dob,
        version=1,
        created_at=clock.now(),
    )
    account_holders.add(holder)
    return holder


def check_age(dob: date) -> None:
    """Refuse anybody under 18 today (UTC). Raises ValidationFailed."""
    today = clock.now().date()
    birthdays = today.year - dob.year - ((today.month, today.day) < (dob.month, dob.day))
    if birthdays < ADULT_YEARS:
        raise errors.ValidationFailed(errors={"dob": [f"Must be at least {ADULT_YEARS} years ago."]})


def get(holder_id: str) -> AccountHolder:
    """Return an account holder the caller may see. Raises NotFound."""
    holder = account_holders.get(holder_id)
    access.read(holder.user_id if holder else None, "account holder", holder_id)
    assert holder is not None
    return holder


def of_caller() -> AccountHolder | None:
    """Return the account holder that the caller is, or None for a user who is none."""
    return account_holders.of_user(context.user().id)


def mine() -> AccountHolder:
    """Return the caller's own account holder. Raises NotFound."""
    holder = of_caller()
    if holder is None:
        raise access.not_found("account holder")
    return holder


def search(*, email: str | None, name: str | None, window: Window) -> Page[AccountHolder]:
    """Return the caller's own account holder; for staff, all that match."""
    user_id = access.listing("account_holder", email=email, name=name)
    return account_holders.search(user_id, email, name, window)


def change(holder_id: str, seen: Collection[str] | None, changes: dict[str, Any]) -> AccountHolder:
    """Change one's own names or date of birth.

    ``seen`` are the versions the caller has seen (None: any). Raises NotFound, PreconditionFailed or
    ValidationFailed.
    """
    attempt = Attempt("account_holder_change", "account_holder", holder_id, {"fields": sorted(changes)})

    def work() -> AccountHolder:
        holder = account_holders.lock(holder_id)
        access.own(holder.user_id if holder else None, "account holder")
        assert holder is not None
        if seen is not None and str(holder.version) not in seen:
            raise errors.PreconditionFailed("It was changed since you read it; read it again.")
        if "dob" in changes:
            check_age(changes["dob"])
        for name, value in changes.items():
            setattr(holder, name, value)
        holder.version += 1
        return holder

    return audit.perform(attempt, work)
