"""Access to resources: customers see their own, staff see all, and each access by staff leaves an audit row."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from bankapp import context, errors
from bankapp.services import audit


class Owned(Protocol):
    """A record of a resource that belongs to a user."""

    @property
    def id(self) -> str:
        """The resource's id."""

    @property
    def user_id(self) -> str:
        """The id of the user who owns the resource."""


R = TypeVar("R", bound=Owned)


def not_found(resource: str) -> errors.NotFound:
    """Return the refusal for a missing resource and for another customer's: both must look the same."""
    return errors.NotFound(f"There is no such {resource}.")


def own(record: R | None, resource: str) -> R:
    """Return ``record`` if it is the caller's own. Raises NotFound for None and for another user's ``resource``."""
    if record is None or record.user_id != context.user().id:
        raise not_found(resource)
    return record


def visible(record: R | None, resource: str) -> R:
    """Return ``record`` if the caller may see it: the owner, or staff with an audit row.

    Raises NotFound for None and for another customer's ``resource``.
    """
    if record is None:
        raise not_found(resource)
    authorize_read(record.user_id, resource, record.id)
    return record


def authorize_read(owner_id: str | None, resource: str, resource_id: str) -> None:
    """Accept the owner of a resource, and staff with an audit row. Raises NotFound, also where ``owner_id`` is None."""
    caller = context.user()
    if owner_id == caller.id:
        return
    if owner_id is None or not caller.is_staff:
        raise not_found(resource)
    record_staff_access(resource, resource_id, customer_id=owner_id)


def authorize_listing(resource: str, **filters: Any) -> str | None:
    """Return the caller's id, to which a list is narrowed; None for staff, who list all rows with an audit row."""
    caller = context.user()
    if not caller.is_staff:
        return caller.id
    record_staff_access(resource, None, filters={name: value for name, value in filters.items() if value is not None})
    return None


def record_staff_access(resource: str, resource_id: str | None, **metadata: Any) -> None:
    """Store the audit row of a staff member's access to customers' resources."""
    resource_type = resource.replace(" ", "_")
    audit.record("staff_access", resource_type=resource_type, resource_id=resource_id, metadata=metadata)
