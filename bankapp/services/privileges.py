"""The database role that the running application connects as."""

from __future__ import annotations

from bankapp import db, errors
from bankapp.repositories import privileges


def grant(role: str) -> None:
    """Grant ``role`` what the running application needs, and revoke every other privilege.

    The command must run as the owner of the tables, on PostgreSQL. Raises NotFound for an unknown role. Raises
    StateConflict where the grant could not protect the tables: on SQLite, for the owner of the tables, and for
    a role with powers over the server.
    """
    if not db.for_dialect(sqlite=False, postgresql=True):
        raise errors.StateConflict("SQLite has no roles: write access to the file is write access to all of its data.")

    def check_and_grant() -> None:
        facts = privileges.facts(role)
        if facts is None:
            raise errors.NotFound(f"There is no role {role}. Create it with CREATE ROLE … LOGIN.")
        powerful, owns = facts
        if powerful or owns:
            reason = "has powers over the server" if powerful else "owns the tables or may act as their owner"
            raise errors.StateConflict(f"The role {role} {reason}. Use a separate role for the application.")
        privileges.grant(role)

    db.run(check_and_grant)
