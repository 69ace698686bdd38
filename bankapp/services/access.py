"""Whose it is: a customer sees and moves only what is theirs, staff read everything and leave a trace."""

from __future__ import annotations

from typing import Any

from bankapp import context, errors
from bankapp.services import audit


def not_found(resource: str) -> errors.NotFound:
    """Return the one answer for what does not exist and for what is somebody else's."""
    return errors.NotFound(f"There is no such {resource}.")


def is_me(owner_id: str | None) -> bool:
    """Tell whether the caller is the owner."""
    return owner_id is not None and owner_id == context.user().id


def own(owner_id: str | None, resource: str) -> None:
    """Let only the owner pass. Raises NotFound."""
    if not is_me(owner_id):
        raise not_found(resource)


def read(owner_id: str | None, resource: str, resource_id: str) -> None:
    """Let the owner pass, and staff with an audit row that names the customer. Raises NotFound."""
    if is_me(owner_id):
        return
    if owner_id is None or not context.user().is_staff:
        raise not_found(resource)
    _trace(resource.replace(" ", "_"), resource_id, customer_id=owner_id)


def listing(resource: str, **filters: Any) -> str | None:
    """Return the user whose rows the caller may list: their own; for staff None, everybody's, with a trace."""
    me = context.user()
    if not me.is_staff:
        return me.id
    _trace(resource, None, filters={name: value for name, value in filters.items() if value is not None})
    return None


def _trace(resource: str, resource_id: str | None, **metadata: Any) -> None:
    audit.record("staff_access", resource_type=resource, resource_id=resource_id, metadata=metadata)
