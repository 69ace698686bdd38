"""The meaning of driver errors, for both dialects."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, TimeoutError

from bankapp.errors import Unavailable

# SQLSTATE: serialization failure, deadlock. The transaction must be repeated.
_REPEATABLE: Final = frozenset({"40001", "40P01"})
_READ_ONLY: Final = "25006"
# Lock not available, query cancelled, read-only (a standby).
_UNAVAILABLE: Final = frozenset({"55P03", "57014", _READ_ONLY})
# Classes: connection exception, insufficient resources (disk full, out of memory, too many connections),
# operator intervention (shutting down, starting up), system error (I/O).
_UNAVAILABLE_CLASSES: Final = ("08", "53", "57", "58")
_SQLITE_REPEATABLE: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")
_SQLITE_UNAVAILABLE: Final = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_NOMEM", "SQLITE_READONLY")


class Repeat(Unavailable):
    """The database requires that the whole transaction is repeated."""


class Unconfirmed(Unavailable):
    """Whether a statement took effect is unknown: the connection broke, or the standby did not confirm the commit."""


class ConstraintViolated(Exception):
    """A statement breaks a constraint of the database."""

    def __init__(self, problem: IntegrityError) -> None:
        self._problem = problem
        super().__init__(str(problem.orig))

    def is_of(self, constraint: str, *columns: str) -> bool:
        """Tell whether the broken constraint is ``constraint``; SQLite reports its ``columns`` instead of the name."""
        diagnosis = getattr(self._problem.orig, "diag", None)
        if diagnosis is not None:
            return bool(diagnosis.constraint_name == constraint)
        return all(column in str(self._problem.orig) for column in columns)


def meaning(problem: DBAPIError | TimeoutError) -> Exception:
    """Return the error to raise for ``problem``: an error for the caller, or ``problem`` itself if it shows a bug."""
    if isinstance(problem, TimeoutError):
        return Unavailable("All database connections are in use.", retry_after_seconds=1)
    if isinstance(problem, IntegrityError):
        return ConstraintViolated(problem)
    if is_repeatable(problem):
        return Repeat(retry_after_seconds=1)
    if not is_outage(problem):
        return problem
    kind = Unconfirmed if problem.connection_invalidated else Unavailable
    return kind("The database cannot answer now.", retry_after_seconds=2)


def outage_of(problem: Exception) -> Unavailable | None:
    """Return the refusal for an exception that means that the database cannot answer now; None for any other."""
    if isinstance(problem, (DBAPIError, TimeoutError)):
        found = meaning(problem)
        return found if isinstance(found, Unavailable) else None
    return None


def _sqlstate(problem: DBAPIError) -> str | None:
    return getattr(problem.orig, "sqlstate", None)


def is_repeatable(problem: DBAPIError) -> bool:
    """Tell whether the database requires that the whole transaction is repeated."""
    if _sqlstate(problem) in _REPEATABLE:
        return True
    return getattr(problem.orig, "sqlite_errorname", "").startswith(_SQLITE_REPEATABLE)


def is_read_only(problem: Exception) -> bool:
    """Tell whether the driver's error ``problem`` says that the database stores nothing, as a standby does."""
    return getattr(problem, "sqlstate", None) == _READ_ONLY


def is_outage(problem: DBAPIError) -> bool:
    """Tell whether the database is unreachable, out of resources, or too slow."""
    state = _sqlstate(problem)
    if state is not None:
        return state in _UNAVAILABLE | _REPEATABLE or state.startswith(_UNAVAILABLE_CLASSES)
    name = getattr(problem.orig, "sqlite_errorname", "")
    if name:
        return name.startswith(_SQLITE_REPEATABLE + _SQLITE_UNAVAILABLE)
    return problem.connection_invalidated or isinstance(problem, (OperationalError, InterfaceError))
