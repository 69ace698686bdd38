"""Statements: the form for period and format, and a preview of the totals."""

from __future__ import annotations

from typing import Final

from bankapp import clock, context
from bankapp.schemas.statements import StatementQuery
from bankapp.services import accounts, statements
from bankapp.web.pages import Pages, argument, id_argument, load, render

blueprint = Pages("statements", __name__)

FORMATS: Final = (
    ("pdf", "PDF", "To read, print or hand in"),
    ("csv", "CSV", "For spreadsheets"),
    ("json", "JSON", "For programs"),
    ("camt053", "camt.053", "ISO 20022, for accounting"),
    ("mt940", "MT940", "SWIFT, for accounting"),
    ("ofx", "OFX", "For personal finance apps"),
)


@blueprint.page("/statements")
def form() -> str:
    """Return the form. Its default period is the current month."""
    today = clock.now().date()
    return render(
        "statements",
        accounts=accounts.of_user(context.user().id),
        chosen=argument("account"),
        formats=FORMATS,
        first=today.replace(day=1),
        today=today,
    )


@blueprint.page("/statements/preview")
def preview() -> str:
    """Return the totals of a statement: opening and closing balance, credits and debits."""
    period = {name: argument(name) for name in ("from", "to") if argument(name)}
    arguments = load(StatementQuery(), period)
    first, last = statements.period(arguments["start"], arguments["end"])
    with statements.opened(id_argument("account"), first, last) as statement:
        return render("statement_preview", statement=statement)
