"""Who may see what: a customer only what is theirs, staff everything, with an audit row."""

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
        """The user it belongs to."""


R = TypeVar("R", bound=Owned)


def not_found(resource: str) -> errors.NotFound:
    """Return the one answer for what does not exist and for what belongs to another customer."""
    return errors.NotFound(f"There is no such {resource}.")


def own(record: R | None, resource: str) -> R:
    """Return the record of the caller's own ``resource``. Raises NotFound for none, and for another user's."""
    if record is None or record.user_id != context.user().id:
        raise not_found(resource)
    return record


def visible(record: R | None, resource: str) -> R:
    """Return the record of a ``resource`` that the caller may see: their own, and any for staff.

    A staff member's look at a customer's resource is audited. Raises NotFound.
    """
    if record is None:
        raise not_found(resource)
    check_visible(record.user_id, resource, record.id)
    return record


def check_visible(owner_id: str | None, resource: str, resource_id: str) -> None:
    """Let the owner of a resource pass, and staff with an audit row. Raises NotFound; ``owner_id`` None is no owner."""
    me = context.user()
    if owner_id == me.id:
        return
    if owner_id is None or not me.is_staff:
        raise not_found(resource)
    record_staff_access(resource, resource_id, customer_id=owner_id)


def list_owner(resource: str, **filters: Any) -> str | None:
    """Return the user whose rows the caller may list: their own id; None for staff, who list everything, audited."""
    me = context.user()
    if not me.is_staff:
        return me.id
    record_staff_access(resource, None, filters={name: value for name, value in filters.items() if value is not None})
    return None


def record_staff_access(resource: str, resource_id: str | None, **metadata: Any) -> None:
    """Store the audit row of a staff member's look at what belongs to customers."""
    resource_type = resource.replace(" ", "_")
    audit.record("staff_access", resource_type=resource_type, resource_id=resource_id, metadata=metadata)
