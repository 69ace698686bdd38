"""The triggers of the database, and those that the migrations of this release make."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Final

from sqlalchemy import text

from bankapp import db
from config import ROOT

_VERSIONS: Final = ROOT / "migrations" / "versions"
_TRIGGER: Final = re.compile(r"CREATE (?:CONSTRAINT )?TRIGGER (\w+)\b.*?;", re.S)
_FUNCTION: Final = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\(.*?AS \$\$(.*?)\$\$;", re.S)

_ON_SQLITE: Final = text("SELECT name, sql, false AS is_printed FROM sqlite_master WHERE type = 'trigger'")
_ON_POSTGRESQL: Final = text(
    "SELECT t.tgname AS name, pg_get_triggerdef(t.oid, true) AS sql, true AS is_printed"
    " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND c.relnamespace = to_regnamespace(current_schema())"
    " UNION ALL SELECT p.proname || '()', p.prosrc, false FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
    " WHERE l.lanname = 'plpgsql' AND p.pronamespace = to_regnamespace(current_schema())"
)


def of_release() -> dict[str, str]:
    """Return the triggers that the migrations make on this dialect: name → text in a form that can be compared.

    On PostgreSQL the functions that the triggers call are among them, as ``name()``.
    """
    dialect = db.for_dialect(sqlite="sqlite", postgresql="postgresql")
    scripts = [path.read_text() for path in sorted(_VERSIONS.glob(f"*.{dialect}.sql"))]
    made = db.for_dialect(sqlite=_made_on_sqlite, postgresql=_made_on_postgresql)
    return dict(guard for script in scripts for guard in made(script))


def present() -> dict[str, str]:
    """Return the triggers in the database that are on, in the form of :func:`of_release`."""
    rows = db.rows(db.for_dialect(sqlite=_ON_SQLITE, postgresql=_ON_POSTGRESQL))
    return {row.name: _words(row.sql) if row.is_printed else _spaced(row.sql) for row in rows}


def _made_on_sqlite(script: str) -> Iterator[tuple[str, str]]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            if found := re.search(r"^CREATE TRIGGER (\w+).*(?=;)", statement, re.S | re.M):
                yield found[1], _spaced(found[0])
            statement = ""


def _made_on_postgresql(script: str) -> Iterator[tuple[str, str]]:
    for name, body in _FUNCTION.findall(script):
        yield f"{name}()", _spaced(body)
    for found in _TRIGGER.finditer(script):
        yield found[1], _words(found[0])


def _spaced(sql: str) -> str:
    return " ".join(sql.split())


def _words(sql: str) -> str:
    # PostgreSQL prints a trigger with parentheses and casts of its own, and its events in another order.
    return " ".join(sorted(re.findall(r"[\w'.<>=-]+", re.sub(r"::\w+", "", sql).lower())))
