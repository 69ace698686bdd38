"""Cards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.listing import Page, Window
from bankapp.models import CardLimitsRecord, CardRecord
from bankapp.schemas import cards as schemas
from bankapp.services import card_limits, cards
from bankapp.services.cards import IssuedCard
from bankapp.services.idempotency import Claim

blueprint = Blueprint("cards", __name__, "Cards")


def _without_pan(issued: IssuedCard) -> IssuedCard:
    return replace(issued, pan=None)


@blueprint.operation(
    Operation(
        "POST",
        "/cards",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        body=schemas.NewCard,
        answer=schemas.IssuedCard,
        status=201,
        idempotent=True,
        on_replay=_without_pan,
        errors=[errors.NotFound, errors.AccountNotActive],
    )
)
def issue_card(new: dict[str, Any], claim: Claim | None) -> IssuedCard:
    """Issue a card

    `pan` is the card number. Only this answer contains it; a replay has null.
    """
    return cards.issue(new["account_id"], new["type"], claim)


@blueprint.operation(
    Operation(
        "GET",
        "/cards",
        access=Access.USER,
        scope=Scope.CARDS_READ,
        query=schemas.CardQuery,
        answer=schemas.Card,
        errors=[errors.NotFound],
    )
)
def list_cards(account_id: str | None, window: Window) -> Page[CardRecord]:
    """List cards"""
    return cards.search(account_id, window)


@blueprint.operation(
    Operation("GET", "/cards/<id:card_id>", access=Access.USER, scope=Scope.CARDS_READ, answer=schemas.Card)
)
def read_card(card_id: str) -> CardRecord:
    """Read a card"""
    return cards.get(card_id)


@blueprint.operation(
    Operation(
        "POST",
        "/cards/<id:card_id>/block",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        answer=schemas.Card,
        errors=[errors.StateConflict],
    )
)
def block_card(card_id: str) -> CardRecord:
    """Block a card"""
    return cards.block(card_id)


@blueprint.operation(
    Operation(
        "POST",
        "/cards/<id:card_id>/unblock",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        answer=schemas.Card,
        errors=[errors.StateConflict],
    )
)
def unblock_card(card_id: str) -> CardRecord:
    """Unblock a card"""
    return cards.unblock(card_id)


@blueprint.operation(
    Operation(
        "POST",
        "/cards/<id:card_id>/terminate",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        answer=schemas.Card,
        errors=[errors.StateConflict],
    )
)
def terminate_card(card_id: str) -> CardRecord:
    """Terminate a card for good"""
    return cards.terminate(card_id)


@blueprint.operation(
    Operation(
        "GET", "/cards/<id:card_id>/limits", access=Access.USER, scope=Scope.CARDS_READ, answer=schemas.CardLimits
    )
)
def read_card_limits(card_id: str) -> CardLimitsRecord:
    """Read a card's limits and how much is used today"""
    return card_limits.get(card_id)


@blueprint.operation(
    Operation(
        "PUT",
        "/cards/<id:card_id>/limits",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        body=schemas.NewCardLimits,
        answer=schemas.CardLimits,
        errors=[errors.StateConflict],
    )
)
def change_card_limits(new: dict[str, Any], card_id: str) -> CardLimitsRecord:
    """Set a card's limits

    `per_authorization` limits each authorization. `per_day` limits the sum of the holds and captures of a day (UTC).
    Null removes a limit.
    """
    return card_limits.change(card_id, new["per_authorization"], new["per_day"])
