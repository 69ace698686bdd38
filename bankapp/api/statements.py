"""Statements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from flask import Response

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation
from bankapp.api.parsing import accepts
from bankapp.listing import Page, Window
from bankapp.schemas import statements as schemas
from bankapp.services import statements
from bankapp.services.statements import Month
from bankapp.statement_formats import FORMATS, Statement, StatementFormat, file_name

blueprint = Blueprint("statements", __name__, "Statements")

JSON_MAX_ENTRIES: Final = 10_000
"""A JSON answer is laid out in memory; what is longer streams as CSV or OFX."""

SPOOL_BYTES: Final = 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024

_BY_MEDIA_TYPE = {"application/json": "json"} | {found.media_type: name for name, found in FORMATS.items()}


@blueprint.operation(
    Operation(
        "GET",
        "/statements/periods",
        access=Access.USER,
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
        query=schemas.StatementQuery,
        answer=schemas.Statement,
        downloads=sorted({found.media_type for found in FORMATS.values()}),
    )
)
def read_statement(account_id: str, start: date | None, end: date | None, format: str | None) -> object:
    """Read a statement

    Opening balance + entries = closing balance, from one snapshot; by default the current month up to
    today. `format` or `Accept` choose how it is written.
    """
    first, last = statements.period(start, end)
    chosen = format or _BY_MEDIA_TYPE[accepts().best_match(_BY_MEDIA_TYPE, "application/json")]
    with statements.opened(account_id, first, last) as statement:
        return _document(statement) if chosen == "json" else _download(statement, FORMATS[chosen])


def _document(statement: Statement) -> Statement:
    if statement.entry_count > JSON_MAX_ENTRIES:
        reason = f"json takes at most {JSON_MAX_ENTRIES} entries; choose fewer days, or csv."
        raise errors.ValidationFailed(errors={"format": [reason]})
    common = {"account_id": statement.account.id, "currency": statement.account.currency}
    entries: Any = [asdict(entry) | common for entry in statement.checked_entries()]
    return replace(statement, entries=entries)


def _download(statement: Statement, format: StatementFormat) -> Response:
    """Write the whole file before the first byte leaves.

    So neither a connection nor a snapshot waits for a slow client, and an error is answered as one
    instead of breaking a download off. What is larger than a megabyte lies on disk meanwhile.
    """
    if not format.accepts(statement):
        raise errors.ValidationFailed(errors={"format": [_too_large(format)]})
    file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed after the last byte left
    for chunk in format.write(statement):
        file.write(chunk)
    size = file.tell()
    file.seek(0)
    response = Response(_chunks(file), content_type=format.media_type)
    response.call_on_close(file.close)
    response.content_length = size
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name(statement, format)}"'
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(CHUNK_BYTES), b"")


def _too_large(format: StatementFormat) -> str:
    if format.max_entries is not None:
        return f"{format.name} takes at most {format.max_entries} entries; choose fewer days, or csv."
    return f"{format.name} cannot write balances this large; choose csv."
