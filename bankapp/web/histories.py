"""The history of one account or of several as pages show it: the filter form, the pages of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from bankapp import clock, context, errors
from bankapp.categories import BUILT_IN
from bankapp.listing import Page
from bankapp.models import AccountRecord, TransactionRecord
from bankapp.models.transaction import DIRECTIONS
from bankapp.schemas.transactions import TransactionQuery
from bankapp.services import transactions
from bankapp.web import amounts, display, zones
from bankapp.web.pages import argument, load

TYPES: Final = tuple(DIRECTIONS)

_LIMIT: Final = "15"
_SEARCHED: Final = ("q", "category", "tag", "counterparty")
"""What the search index answers; only the owner of an account can ask it."""

_FILTERS: Final = {
    "q": "Search",
    "account": "Account",
    "type": "Type",
    "category": "Category",
    "tag": "Tag",
    "counterparty": "Paid to or by",
    "from": "From",
    "to": "To",
    "min": "At least",
    "max": "At most",
}
"""The parameters of a page's query string, with the names that people read."""


class Chip(NamedTuple):
    """A filter that is on: its name, its value as people read it, and the page without it."""

    label: str
    text: str
    rest: str


def shown(page: str, accounts: Sequence[AccountRecord], account_id: str | None) -> dict[str, Any]:
    """Return what the template of a history needs: the movements that the query string asks for.

    ``page`` is the address of the page in the browser. ``account_id`` limits them to one of ``accounts``; None means
    all of the user's. Raises ValidationFailed, NotFound.
    """
    chosen = {name: argument(name) for name in _FILTERS}
    narrowed = {name: value for name, value in chosen.items() if value}
    query = _query({account.currency for account in accounts if account_id in (None, account.id)})
    arguments = load(TransactionQuery(), query)
    filters, window = arguments["narrowed"], arguments["window"]
    found: Page[TransactionRecord] = Page([], None)
    if account_id is not None:
        found = transactions.search(account_id, filters, window)
    elif accounts:
        found = transactions.of_caller(filters, window)
    return {
        "items": found.items,
        "cursor": TransactionQuery().encode(found.next_position, query),
        "page": page,
        "chosen": chosen,
        "narrowed": narrowed,
        "is_narrowed": bool(narrowed.keys() - {"q"}),
        "chips": [_chip(page, narrowed, name, accounts) for name in narrowed],
        # Without an account, the API gives staff the movements of all customers.
        "file": None if account_id is None and context.user().is_staff else _file(query, account_id),
        "categories": sorted({*BUILT_IN, *filter(None, [chosen["category"]])}),
        # Staff see the histories of customers, but not their notes, and so cannot search in them.
        "can_search": all(account.user_id == context.user().id for account in accounts),
        # The last heading on the page before, so that it is not repeated.
        "last_day": argument("last_day"),
        "is_continued": "cursor" in query,
    }


def _chip(page: str, narrowed: Mapping[str, str], name: str, accounts: Sequence[AccountRecord]) -> Chip:
    text = narrowed[name]
    if name == "account":
        text = next((display.account_name(account) for account in accounts if account.id == text), text)
    elif name == "type":
        text = display.transaction_name(text)
    elif name == "category":
        text = display.words(text)
    others = {other: value for other, value in narrowed.items() if other != name}
    return Chip(_FILTERS[name], text, f"{page}?{urlencode(others)}" if others else page)


def _file(query: Mapping[str, str], account_id: str | None) -> dict[str, str]:
    """Return the parameters of the API that give the whole result as a file."""
    own = {} if account_id is None else {"account_id": account_id}
    return own | {name: value for name, value in query.items() if name not in ("limit", "cursor")}


def _query(currencies: set[str]) -> dict[str, str]:
    """Translate the query string into parameters of the API: the viewer's days to times, amounts to minor units.

    Raises ValidationFailed, also for an amount that could be of several ``currencies``.
    """
    query = {"limit": _LIMIT} | {name: argument(name) for name in ("type", "cursor", *_SEARCHED) if argument(name)}
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
