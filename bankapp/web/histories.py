"""The history of one account or of several as pages show it: the filter form, the pages of rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from typing import Any, Final

from bankapp import clock, errors
from bankapp.listing import Page
from bankapp.models import AccountRecord, TransactionRecord
from bankapp.models.transaction import DIRECTIONS
from bankapp.schemas.transactions import TransactionQuery
from bankapp.services import transactions
from bankapp.web import amounts, zones
from bankapp.web.pages import argument, load

TYPES: Final = tuple(DIRECTIONS)

_LIMIT: Final = "15"
_FILTERS: Final = ("account", "type", "from", "to", "min", "max")


def shown(accounts: Sequence[AccountRecord], account_id: str | None) -> dict[str, Any]:
    """Return what the template of a history needs: the movements that the query string asks for.

    ``account_id`` limits them to one of ``accounts``; None means all of the user's. Raises ValidationFailed, NotFound.
    """
    query = _query({account.currency for account in accounts if account_id in (None, account.id)})
    arguments = load(TransactionQuery(), query)
    filters, window = arguments["narrowed"], arguments["window"]
    page: Page[TransactionRecord] = Page([], None)
    if account_id is not None:
        page = transactions.search(account_id, filters, window)
    elif accounts:
        page = transactions.of_caller(filters, window)
    return {
        "items": page.items,
        "cursor": TransactionQuery().encode(page.next_position, query),
        "narrowed": {name: argument(name) for name in _FILTERS if argument(name)},
        # The last heading on the page before, so that it is not repeated.
        "last_day": argument("last_day"),
        "is_continued": "cursor" in query,
    }


def _query(currencies: set[str]) -> dict[str, str]:
    """Translate the query string into parameters of the API: the viewer's days to times, amounts to minor units.

    Raises ValidationFailed, also for an amount that could be of several ``currencies``.
    """
    query = {"limit": _LIMIT} | {name: argument(name) for name in ("type", "cursor") if argument(name)}
    for name, of_day in (("from", time.min), ("to", time.max)):
        if argument(name):
            query[name] = _moment(name, of_day)
    for name in ("min", "max"):
        if argument(name):
            query[f"{name}_amount"] = str(_amount(name, currencies))
    return query


def _moment(name: str, of_day: time) -> str:
    try:
        return clock.to_text(zones.at(date.fromisoformat(argument(name)), of_day))
    except (ValueError, OverflowError):
        raise errors.ValidationFailed(errors={name: ["Not a valid date."]}) from None


def _amount(name: str, currencies: set[str]) -> int:
    if len(currencies) != 1:
        raise errors.ValidationFailed(errors={name: ["Choose an account first: yours have different currencies."]})
    try:
        return amounts.parse(argument(name), *currencies)
    except ValueError as problem:
        raise errors.ValidationFailed(errors={name: [str(problem)]}) from None
