"""Access to resources: customers see their own, staff see all, and each access by staff leaves an audit row.

An API key acts as its owner. It may be limited to some of the owner's accounts; then everything on another account,
and everything that belongs to no account, is not the caller's own.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from bankapp import context, errors
from bankapp.listing import Owner
from bankapp.services import audit


class Owned(Protocol):
    """A record of a resource that belongs to a user."""

    @property
    def id(self) -> str:
        """The resource's id."""

    @property
    def user_id(self) -> str:
        """The id of the user who owns the resource."""

    @property
    def account_id(self) -> str | None:
        """The id of the account that the resource belongs to; None for a resource that belongs to no account."""


R = TypeVar("R", bound=Owned)


def not_found(resource: str) -> errors.NotFound:
    """Return the refusal for a missing resource and for another customer's: both must look the same."""
    return errors.NotFound(f"There is no such {resource}.")


def is_own(owner_id: str | None, account_id: str | None) -> bool:
    """Tell whether a resource of this user, on this account, is the caller's own. The one place that decides it."""
    caller = context.user()
    return owner_id == caller.id and (caller.account_ids is None or account_id in caller.account_ids)


def own(record: R | None, resource: str) -> R:
    """Return ``record`` if it is the caller's own. Raises NotFound for None and for another user's ``resource``."""
    if record is None or not is_own(record.user_id, record.account_id):
        raise not_found(resource)
    return record


def visible(record: R | None, resource: str) -> R:
    """Return ``record`` if the caller may see it: the owner, or staff with an audit row.

    Raises NotFound for None and for another customer's ``resource``.
    """
    if record is None:
        raise not_found(resource)
    authorize_read(record.user_id, record.account_id, resource, record.id)
    return record


def authorize_read(owner_id: str | None, account_id: str | None, resource: str, resource_id: str) -> None:
    """Accept the owner of a resource on an account, and staff with an audit row.

    Raises NotFound, also where ``owner_id`` is None.
    """
    if is_own(owner_id, account_id):
        return
    if owner_id is None or not context.user().is_staff:
        raise not_found(resource)
    record_staff_access(resource, resource_id, customer_id=owner_id)


def authorize_listing(resource: str, **filters: Any) -> Owner | None:
    """Return whose rows the caller may list; None for staff, who list all rows with an audit row."""
    caller = context.user()
    if not caller.is_staff:
        return Owner(caller.id, caller.account_ids)
    record_staff_access(resource, None, filters={name: value for name, value in filters.items() if value is not None})
    return None


def demand_all_accounts(action: str) -> None:
    """Refuse an API key that is limited to some accounts, for an ``action`` that reaches beyond them.

    Raises InsufficientScope.
    """
    if context.user().account_ids is not None:
        raise errors.InsufficientScope(f"This API key is limited to some accounts and cannot {action}.")


def record_staff_access(resource: str, resource_id: str | None, **metadata: Any) -> None:
    """Store the audit row of a staff member's access to customers' resources."""
    resource_type = resource.replace(" ", "_")
    audit.record("staff_access", resource_type=resource_type, resource_id=resource_id, metadata=metadata)
