"""Account holders: the person behind a user."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation
from bankapp.api.preconditions import IF_MATCH, expected_versions
from bankapp.listing import Page, Window
from bankapp.models import AccountHolderRecord
from bankapp.schemas import account_holders as schemas
from bankapp.services import account_holders
from bankapp.services.idempotency import Claim

blueprint = Blueprint("account-holders", __name__, "The person behind a user")


@blueprint.operation(
    Operation(
        "POST",
        "/account-holders",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.NewAccountHolder,
        answer=schemas.AccountHolder,
        status=201,
        idempotent=True,
        errors=[errors.AccountHolderExists],
    )
)
def create_account_holder(new: dict[str, Any], claim: Claim | None) -> AccountHolderRecord:
    """Create an account holder

    For a user who signed up without one. Each user has at most one; the person must be at least 18 years old.
    """
    return account_holders.create(**new, claim=claim)


@blueprint.operation(
    Operation(
        "GET",
        "/account-holders",
        access=Access.USER,
        scope=NO_KEYS,
        query=schemas.AccountHolderQuery,
        answer=schemas.AccountHolder,
    )
)
def list_account_holders(
    window: Window, email: str | None = None, name: str | None = None
) -> Page[AccountHolderRecord]:
    """List account holders

    Customers see their own, staff see all.
    """
    return account_holders.search(email=email, name=name, window=window)


@blueprint.operation(
    Operation(
        "GET",
        "/account-holders/me",
        access=Access.USER,
        scope=NO_KEYS,
        answer=schemas.AccountHolder,
        errors=[errors.NotFound],
    )
)
def read_my_account_holder() -> AccountHolderRecord:
    """Read your own account holder"""
    return account_holders.mine()


@blueprint.operation(
    Operation(
        "GET",
        "/account-holders/<id:account_holder_id>",
        access=Access.USER,
        scope=NO_KEYS,
        answer=schemas.AccountHolder,
    )
)
def read_account_holder(account_holder_id: str) -> AccountHolderRecord:
    """Read an account holder"""
    return account_holders.get(account_holder_id)


@blueprint.operation(
    Operation(
        "PATCH",
        "/account-holders/<id:account_holder_id>",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.AccountHolderChange,
        answer=schemas.AccountHolder,
        errors=[errors.PreconditionRequired, errors.PreconditionFailed],
        parameters=[IF_MATCH],
    )
)
def change_account_holder(changes: dict[str, Any], account_holder_id: str) -> AccountHolderRecord:
    """Change an account holder's names or date of birth

    Needs `If-Match` with the ETag of the last read. If the account holder has changed since then, the answer is
    412 and nothing is changed.
    """
    return account_holders.change(account_holder_id, expected_versions(), changes)
