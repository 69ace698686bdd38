"""Whether the database has tables that this release can serve."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, TimeoutError

from bankapp.db import driver_errors
from bankapp.extensions import db
from config import ROOT

_FIT: Final = "fit"
_NEWER: Final = "newer"
_LACKING: Final = "lacking"
_FOREIGN: Final = "foreign"
_TOO_NEW: Final = "too new"

_REFUSALS: Final = {
    _LACKING: "the database lacks migrations; run: flask db upgrade",
    _FOREIGN: "the database belongs to another application; set DATABASE_URL to another database",
    _TOO_NEW: "the database is of a release that this one is too old for; start that release or the one before it",
}

_REVISIONS: Final = text("SELECT version_num FROM alembic_version")
_OLDEST: Final = text("SELECT oldest_revision FROM schema_support")


def table_refusal() -> str | None:
    """Return why this release cannot serve the tables, on one line, or None if it can. Raises Unavailable.

    Tables of the next release are served, because older code runs on them while a deployment is rolled out or back.
    """
    return _REFUSALS.get(_state())


def has_newer_tables() -> bool:
    """Tell whether the next release has migrated the database. Raises Unavailable."""
    return _state() == _NEWER


def _state() -> str:
    # The names of the files begin with their revisions. Alembic gives the same, but takes 10 MB in every worker.
    known = sorted(path.name.partition("_")[0] for path in (ROOT / "migrations/versions").glob("[0-9]*_*.py"))
    try:
        with db.engine.connect() as connection:
            names = set(inspect(connection).get_table_names())
            if "alembic_version" not in names:
                return _FOREIGN if names else _LACKING
            present = set(connection.scalars(_REVISIONS))
            oldest = connection.scalar(_OLDEST) if "schema_support" in names else None
    except (DBAPIError, TimeoutError) as problem:
        raise driver_errors.meaning(problem) from problem
    newest = known[-1]
    if not all(re.fullmatch("[0-9]{4}", revision) for revision in present):
        return _FOREIGN
    if present <= set(known):
        return _FIT if newest in present else _LACKING
    return _TOO_NEW if oldest is not None and newest < oldest else _NEWER
