"""Transactions as a file: what a list answers, all of it, as CSV (RFC 4180).

Its own path, so that generators of clients type the answer.
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Final

from flask import Response

from bankapp import clock, errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.listing import HistoryFilter, Window
from bankapp.models import TransactionRecord
from bankapp.money import to_major
from bankapp.schemas import transactions as schemas
from bankapp.services import transactions
from bankapp.statement_formats.csv import harmless

blueprint = Blueprint("transaction_files", __name__, "Transactions as files")

MAX_ROWS: Final = 10_000
"""The file is made in memory. A statement has no such limit."""

COLUMNS: Final = (
    "date",
    "type",
    "description",
    "counterparty_name",
    "counterparty_account_number",
    "reference",
    "end_to_end_id",
    "amount",
    "currency",
    "balance",
    "category",
    "tags",
    "notes",
    "transaction_id",
    "account_id",
    "transfer_id",
    "created_at",
)


@blueprint.operation(
    Operation(
        "GET",
        "/transactions/csv",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        query=schemas.TransactionFilter,
        downloads=["text/csv"],
        errors=[errors.NotFound],
    )
)
def download_csv_transactions(account_id: str | None, narrowed: HistoryFilter) -> Response:
    """Download transactions as CSV

    What `GET /v1/transactions` lists, newest first, in one file of at most 10,000 rows; more is a 422. UTF-8, amounts
    with a decimal point, negative for money that left the account.
    """
    page = transactions.search(account_id, narrowed, Window(limit=MAX_ROWS))
    if page.next_position is not None:
        raise errors.ValidationFailed(errors={"from": [f"More than {MAX_ROWS} transactions match; choose fewer."]})
    file = io.StringIO(newline="")
    # QUOTE_NONNUMERIC quotes every text but no Decimal, so that spreadsheets read amounts as numbers.
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, page.items))
    response = Response(file.getvalue().encode(), content_type="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="transactions.csv"'
    return response


def _row(one: TransactionRecord) -> tuple[object, ...]:
    return (
        one.created_at.date().isoformat(),
        one.type,
        harmless(one.description or ""),
        harmless(one.counterparty_name or ""),
        one.counterparty_account_number or "",
        harmless(one.reference or ""),
        harmless(one.end_to_end_id or ""),
        Decimal(to_major(one.direction * one.amount, one.currency)),
        one.currency,
        Decimal(to_major(one.balance_after, one.currency)),
        one.category or "",
        harmless(", ".join(one.tags or ())),
        harmless(one.notes or ""),
        one.id,
        one.account_id,
        one.transfer_id or "",
        clock.to_text(one.created_at),
    )
