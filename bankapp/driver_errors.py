"""What a driver's error means, in the words of two dialects."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, TimeoutError

from bankapp.errors import Unavailable

# SQLSTATE: serialization failure and deadlock mean "run it again".
_REPEATABLE: Final = frozenset({"40001", "40P01"})
# Lock not available, query cancelled, shutting down, too many connections: the service is busy or away.
_UNAVAILABLE: Final = frozenset({"55P03", "57014", "57P01", "57P02", "57P03", "53300", "25006"})


class Repeat(Unavailable):
    """The database asks for the whole transaction to be repeated."""


class translated:  # noqa: N801 - used like a function
    """Turn a driver's error that only means "not now" into Unavailable; let every other one through."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, problem: BaseException | None, _trace: object) -> None:
        if isinstance(problem, TimeoutError):
            raise Unavailable("All database connections are in use.", retry_after_seconds=1) from problem
        if isinstance(problem, DBAPIError) and is_repeatable(problem):
            raise Repeat(retry_after_seconds=1) from problem
        if isinstance(problem, DBAPIError) and is_outage(problem):
            raise Unavailable("The database cannot answer now.", retry_after_seconds=2) from problem


def _sqlstate(problem: DBAPIError) -> str | None:
    return getattr(problem.orig, "sqlstate", None)


def is_repeatable(problem: DBAPIError) -> bool:
    """Tell whether the database asks for the whole transaction to be repeated."""
    if _sqlstate(problem) in _REPEATABLE:
        return True
    return getattr(problem.orig, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def is_outage(problem: BaseException) -> bool:
    """Tell whether ``problem`` is a driver's error that says the database is away, or too slow just now."""
    if isinstance(problem, TimeoutError):
        return True
    if not isinstance(problem, DBAPIError):
        return False
    state = _sqlstate(problem)
    if state is not None:
        return state in _UNAVAILABLE | _REPEATABLE or state.startswith("08")
    name = getattr(problem.orig, "sqlite_errorname", "")
    if name:
        return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL"))
    return problem.connection_invalidated or isinstance(problem, (OperationalError, InterfaceError))


def violates(problem: IntegrityError, constraint: str, *columns: str) -> bool:
    """Tell whether ``problem`` is a violation of ``constraint``, which SQLite names by its ``columns``."""
    diagnosis = getattr(problem.orig, "diag", None)
    if diagnosis is not None:
        return bool(diagnosis.constraint_name == constraint)
    return all(column in str(problem.orig) for column in columns)
