"""Finds accounts, cards, sessions, keys, payees, rules and others by id, number or a unique part of either."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import click

from bankapp.client.session import Session

Item = dict[str, Any]

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_MIN_LENGTH: Final = 4


def account(session: Session, reference: str) -> Item:
    """Return an account of the user by id, IBAN, or a unique beginning or end (4 or more characters) of either.

    Raises UsageError if no account or several accounts match.
    """
    return _find(session, "account", "/accounts", reference, lambda item: (item["id"], item["number"]))


def card(session: Session, reference: str) -> Item:
    """Return a card of the user by id, its last four digits, or a unique beginning or end of the id."""
    return _find(session, "card", "/cards", reference, lambda item: (item["id"], item["last4"]))


def authorization(session: Session, reference: str) -> Item:
    """Return an authorization on a card of the user, by id or a unique beginning or end of it."""
    return _find(session, "authorization", "/authorizations", reference, lambda item: (item["id"],))


def sign_in(session: Session, reference: str) -> Item:
    """Return a session of the user, by id or a unique beginning or end of it."""
    return _find(session, "session", "/auth/sessions", reference, lambda item: (item["id"],), direct=False)


def api_key(session: Session, reference: str) -> Item:
    """Return an API key of the user by id, the last four characters of its secret, or a unique part of the id."""
    return _find(session, "key", "/api-keys", reference, lambda item: (item["id"], item["last4"]))


def webhook_endpoint(session: Session, reference: str) -> Item:
    """Return a webhook endpoint of the user by id, or by a unique beginning or end of the id or of the URL."""
    return _find(session, "webhook endpoint", "/webhook-endpoints", reference, lambda item: (item["id"], item["url"]))


def payee(session: Session, reference: str) -> Item:
    """Return a payee of the user by id, IBAN, or a unique beginning or end of either."""
    return _find(session, "payee", "/payees", reference, lambda item: (item["id"], item["account_number"]))


def category_rule(session: Session, reference: str) -> Item:
    """Return a category rule of the user, by id or a unique beginning or end of it."""
    return _find(session, "rule", "/category-rules", reference, lambda item: (item["id"],))


def iban(reference: str) -> str:
    """Return an IBAN without spaces and in capitals. Raises UsageError for one that is mistyped."""
    plain = _plain(reference)
    if not _IBAN.fullmatch(plain) or not _has_check_digits(plain):
        raise click.UsageError(f"{reference} is no IBAN, or mistyped: its check digits must be right.")
    return plain


def target(session: Session, reference: str) -> tuple[Item, str]:
    """Return the member of a transfer that names its receiver, and the receiver's name for a person.

    ``reference`` is any IBAN, any account id, or an account of the user as :func:`account` finds it.
    """
    plain = _plain(reference)
    if _ID.fullmatch(plain.lower()):
        return {"to_account_id": plain.lower()}, plain.lower()
    if _IBAN.fullmatch(plain):
        return {"to_account_number": iban(reference)}, plain
    own = account(session, reference)
    return {"to_account_id": own["id"]}, own["number"]


def _find(
    session: Session,
    kind: str,
    path: str,
    reference: str,
    names: Callable[[Item], tuple[str, ...]],
    *,
    direct: bool = True,
) -> Item:
    plain = _plain(reference)
    if direct and _ID.fullmatch(plain.lower()):
        exact: Item = session.get(f"{path}/{plain.lower()}")
        return exact
    if len(plain) < _MIN_LENGTH:
        raise click.UsageError(f"{reference!r} is too short: give at least {_MIN_LENGTH} characters.")
    items: list[Item] = session.page(path)["items"]
    found = [item for item in items if any(_matches(plain, name.upper()) for name in names(item))]
    if len(found) != 1:
        several = f"{len(found)} of your {kind}s match {reference!r}; give more characters."
        raise click.UsageError(several if found else f"None of your {kind}s matches {reference!r}.")
    return found[0]


def _plain(reference: str) -> str:
    return "".join(reference.split()).upper()


def _matches(plain: str, name: str) -> bool:
    return name.startswith(plain) or name.endswith(plain)


def _has_check_digits(number: str) -> bool:
    """Tell whether an IBAN passes the check of ISO 13616 (ISO 7064, MOD 97-10)."""
    rearranged = number[4:] + number[:4]
    digits = "".join(str(int(character, 36)) for character in rearranged)
    return int(digits) % 97 == 1
