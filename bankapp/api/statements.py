"""Statements."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Any, Final

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.api.parsing import accepts
from bankapp.api.statement_files import response_with_file
from bankapp.listing import Page, Window
from bankapp.schemas import statements as schemas
from bankapp.services import statements
from bankapp.services.statements import Month
from bankapp.statement_formats import FORMATS, Statement

blueprint = Blueprint("statements", __name__, "Statements")

JSON_MAX_ENTRIES: Final = 10_000
"""A JSON answer is laid out in memory; what is longer streams as CSV or OFX."""

_BY_MEDIA_TYPE = {"application/json": "json"} | {found.media_type: name for name, found in FORMATS.items()}


@blueprint.operation(
    Operation(
        "GET",
        "/statements/periods",
        access=Access.USER,
        scope=Scope.STATEMENTS_READ,
        query=schemas.StatementPeriodQuery,
        answer=schemas.StatementPeriod,
        errors=[errors.NotFound],
    )
)
def list_statement_periods(account_id: str, window: Window) -> Page[Month]:
    """List the months that have entries

    Newest first, each with its opening and closing balance.
    """
    return statements.months(account_id, window)


@blueprint.operation(
    Operation(
        "GET",
        "/statements/<id:account_id>",
        access=Access.USER,
        scope=Scope.STATEMENTS_READ,
        query=schemas.StatementQuery,
        answer=schemas.Statement,
        downloads=sorted({found.media_type for found in FORMATS.values()}),
    )
)
def read_statement(account_id: str, start: date | None, end: date | None, format: str | None) -> object:
    """Read a statement

    Opening balance + entries = closing balance, from one snapshot; by default the current month up to
    today. `format` or `Accept` choose how it is written; `/csv` and the paths beside it answer one kind of file each.
    """
    first, last = statements.period(start, end)
    with statements.opened(account_id, first, last) as statement:
        return in_format(statement, format)


def in_format(statement: Statement, format: str | None) -> object:
    """Return a statement as JSON or as a file, by ``format``, else by ``Accept``. Raises ValidationFailed."""
    chosen = format or _BY_MEDIA_TYPE[accepts().best_match(_BY_MEDIA_TYPE, "application/json")]
    return _document(statement) if chosen == "json" else response_with_file(statement, FORMATS[chosen])


def _document(statement: Statement) -> Statement:
    if statement.entry_count > JSON_MAX_ENTRIES:
        reason = f"json takes at most {JSON_MAX_ENTRIES} entries; choose fewer days, or csv."
        raise errors.ValidationFailed(errors={"format": [reason]})
    common = {"account_id": statement.account.id, "currency": statement.account.currency}
    entries: Any = [asdict(entry) | common for entry in statement.checked_entries()]
    return replace(statement, entries=entries)
