"""News: one event of the user's stream as a sentence, for the notice of a page that is open."""

from __future__ import annotations

from typing import Final

from bankapp import errors
from bankapp.schemas.events import EventFilter
from bankapp.services import accounts, events
from bankapp.services.events import Event
from bankapp.web import display
from bankapp.web.pages import Pages, argument, load

blueprint = Pages("news", __name__)

_MANY: Final = 9


@blueprint.page("/news")
def news() -> str:
    """Return a sentence about the event at ``position``. ``more`` is how many other events came with it."""
    position, more = (load(EventFilter(), {"after": argument(name)})["after"] for name in ("position", "more"))
    found = events.read(max(position - 1, 0), limit=1).items
    if not found:
        raise errors.NotFound("There is no such event.")
    return _sentence(found[0]) + (f" and {more if more <= _MANY else 'many'} more" if more else "")


def _sentence(event: Event) -> str:
    subject = event.resource
    if event.type == "transaction.created":
        amount = display.money_text(subject.amount, subject.currency)
        direction = "received on" if subject.direction > 0 else "paid from"
        return f"{amount} {direction} {_name(subject.account_id, is_inside=True)}"
    if event.resource_type == "account":
        return f"{_name(event.resource_id)} is {subject.status}"
    if event.resource_type == "webhook_endpoint":
        return "A webhook endpoint is disabled"
    return display.words(event.type.replace(".", "_"))


def _name(account_id: str, *, is_inside: bool = False) -> str:
    """Return the name and the end of the number of an account; ``is_inside`` the sentence, a type is in lower case."""
    account = accounts.get(account_id)
    name = display.account_name(account)
    return f"{name.lower() if is_inside and not account.name else name} ·· {account.number[-4:]}"
