"""The database role that the running application connects as."""

from __future__ import annotations

from bankapp import db, errors
from bankapp.repositories import privileges


def grant(role: str) -> None:
    """Give ``role`` what the running application needs, and take everything else from it.

    Must run as the owner of the tables, on PostgreSQL. Raises NotFound for an unknown role, and
    StateConflict where the grant would be no boundary: on SQLite, or for a role that is the owner
    or has powers over the server.
    """
    if not db.for_dialect(sqlite=False, postgresql=True):
        raise errors.StateConflict("SQLite has no roles: whoever can write the file can write everything in it.")

    def work() -> None:
        found = privileges.facts(role)
        if found is None:
            raise errors.NotFound(f"There is no role {role}; make it with CREATE ROLE and let it log in.")
        powerful, owns = found
        if powerful or owns:
            reason = "has powers over the server" if powerful else "owns the tables or may act as their owner"
            raise errors.StateConflict(f"The role {role} {reason}; the application needs one of its own.")
        privileges.grant(role)

    db.run(work)
