"""Monthly statements: records that are made once and never change."""

from __future__ import annotations

from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.api.statements import in_format
from bankapp.listing import Page, Window
from bankapp.models import StatementRecord
from bankapp.schemas import statement_records as schemas
from bankapp.services import statement_records
from bankapp.statement_formats import FORMATS

blueprint = Blueprint("statement-records", __name__, "Monthly statements")


@blueprint.operation(
    Operation(
        "GET",
        "/accounts/<id:account_id>/statements",
        access=Access.USER,
        scope=Scope.STATEMENTS_READ,
        query=schemas.StatementRecordQuery,
        answer=schemas.StatementRecord,
    )
)
def list_statement_records(account_id: str, window: Window) -> Page[StatementRecord]:
    """List the monthly statements of an account

    Newest first. There is one for each calendar month (UTC) that is over, also for a month without entries, from
    the month the account was opened in. A statement is made an hour after its month and never changes.
    """
    return statement_records.search(account_id, window)


@blueprint.operation(
    Operation(
        "GET",
        "/accounts/<id:account_id>/statements/<number:number>",
        access=Access.USER,
        scope=Scope.STATEMENTS_READ,
        query=schemas.StatementRecordFormat,
        answer=schemas.NumberedStatement,
        downloads=sorted({found.media_type for found in FORMATS.values()}),
    )
)
def read_statement_record(account_id: str, number: int, format: str | None) -> object:
    """Read a monthly statement

    In each format it is the same, byte for byte, however often it is read. `format` or `Accept` choose how it is
    written.
    """
    with statement_records.opened(account_id, number) as statement:
        return in_format(statement, format)
