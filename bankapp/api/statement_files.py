"""Statements as files: a path for each format, and the answer that carries a file.

The path is what lets generators of clients type the answer: `GET /v1/statements/{account_id}` has six kinds of body,
of which they read the JSON only. Each path ends with the format's name, the same word that `format` takes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from flask import Response

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.schemas.statements import StatementDays
from bankapp.services import statements
from bankapp.statement_formats import FORMATS, Statement, StatementFormat, file_name

blueprint = Blueprint("statement_files", __name__, "Statements as files")

SPOOL_BYTES: Final = 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024


def _operation(format: str) -> Operation:
    return Operation(
        "GET",
        f"/statements/<id:account_id>/{format}",
        access=Access.USER,
        scope=Scope.STATEMENTS_READ,
        query=StatementDays,
        downloads=[FORMATS[format].media_type],
    )


@blueprint.operation(_operation("csv"))
def download_csv_statement(account_id: str, start: date | None, end: date | None) -> Response:
    """Download a statement as CSV

    UTF-8, one row for each entry, between the opening and the closing balance; for spreadsheets and scripts.
    """
    return _response(account_id, start, end, "csv")


@blueprint.operation(_operation("pdf"))
def download_pdf_statement(account_id: str, start: date | None, end: date | None) -> Response:
    """Download a statement as PDF

    For people.
    """
    return _response(account_id, start, end, "pdf")


@blueprint.operation(_operation("ofx"))
def download_ofx_statement(account_id: str, start: date | None, end: date | None) -> Response:
    """Download a statement as OFX

    OFX 1.6, for programs for personal finance.
    """
    return _response(account_id, start, end, "ofx")


@blueprint.operation(_operation("camt053"))
def download_camt053_statement(account_id: str, start: date | None, end: date | None) -> Response:
    """Download a statement as camt.053

    camt.053.001.08 of ISO 20022 (XML), for accounting software.
    """
    return _response(account_id, start, end, "camt053")


@blueprint.operation(_operation("mt940"))
def download_mt940_statement(account_id: str, start: date | None, end: date | None) -> Response:
    """Download a statement as MT940

    SWIFT MT940, for accounting software that does not read camt.053.
    """
    return _response(account_id, start, end, "mt940")


def _response(account_id: str, start: date | None, end: date | None, format: str) -> Response:
    first, last = statements.period(start, end)
    with statements.opened(account_id, first, last) as statement:
        return response_with_file(statement, FORMATS[format])


def response_with_file(statement: Statement, format: StatementFormat) -> Response:
    """Write the whole file before the first byte leaves, and return the answer that carries it.

    Raises ValidationFailed where ``format`` cannot write the statement. So neither a connection nor a snapshot waits
    for a slow client, and an error is answered as one instead of breaking a download off. A file larger than a
    megabyte lies on disk meanwhile.
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
