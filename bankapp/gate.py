"""The gate of a request: what is asked before its first statement, or in it.

Whether a token still counts must be known before a request reads or changes anything. Asked by itself,
that is one more way to the database and back, as long as all the rest of a small request (see decision 0011).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select

from bankapp.prepared import prepared

Build = Callable[[Select[Any] | None], Select[Any]]
"""Makes a statement that has what the gate asks as its last column, or, given None, the same without it."""


class Gate:
    """Asks ``query``, of one column and at most one row, once.

    ``admit`` is told what was found, or None, and raises to let nothing of the request through, now or later.
    """

    def __init__(self, query: Select[Any], parameters: Mapping[str, Any], admit: Callable[[Any], None]) -> None:
        self._query = query
        self._parameters = parameters
        self._admit = admit
        self.is_open = False

    def ask(self, connection: Connection) -> None:
        """Ask by itself. Raises what ``admit`` raises."""
        found = prepared(self._query, connection.dialect).rows(connection, self._parameters)
        self._tell(found[0][0] if found else None)

    def rows(self, connection: Connection, build: Build, parameters: Mapping[str, Any]) -> list[Any]:
        """Ask along with a statement and return its rows. Raises what ``admit`` raises."""
        together, alone = (prepared(build(query), connection.dialect) for query in (self._query, None))
        found = together.values(connection, {**self._parameters, **parameters})
        if found:
            self._tell(found[0][-1])
        else:
            self.ask(connection)
        return [alone.read(values[:-1]) for values in found]

    def _tell(self, found: Any) -> None:
        # Open while it is told: it may have to ask more to know why it refuses.
        self.is_open = True
        try:
            self._admit(found)
        except BaseException:
            self.is_open = False
            raise


@cache
def along(statement: Select[Any], query: Select[Any] | None) -> Select[Any]:
    """Return ``statement``, which only reads, with ``query`` as a column more."""
    if query is None:
        return statement
    return statement.add_columns(query.correlate(None).scalar_subquery().label("gate"))
