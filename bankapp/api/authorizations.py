"""Card authorizations: a hold, then a capture or a void."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.listing import Page, Window
from bankapp.models import AuthorizationRecord
from bankapp.schemas import authorizations as schemas
from bankapp.services import authorizations
from bankapp.services.idempotency import Claim

blueprint = Blueprint("authorizations", __name__, "Card authorizations")


@blueprint.operation(
    Operation(
        "POST",
        "/cards/<id:card_id>/authorizations",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        body=schemas.NewAuthorization,
        answer=schemas.Authorization,
        status=201,
        idempotent=True,
        errors=[
            errors.AccountNotActive,
            errors.CurrencyMismatch,
            errors.InsufficientFunds,
            errors.LimitExceeded,
            errors.StateConflict,
        ],
    )
)
def authorize(new: dict[str, Any], card_id: str, claim: Claim | None) -> AuthorizationRecord:
    """Hold an amount on a card

    A pending authorization lowers the available balance, not the balance. It ends when it is captured, voided or
    expired. A refused authorization is stored with the status `declined` and its reason.
    """
    return authorizations.create(card_id, **new, claim=claim)


@blueprint.operation(
    Operation(
        "POST",
        "/authorizations/<id:authorization_id>/capture",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        body=schemas.Capture,
        answer=schemas.Authorization,
        idempotent=True,
        errors=[errors.AccountNotActive, errors.StateConflict],
    )
)
def capture_authorization(capture: dict[str, Any], authorization_id: str, claim: Claim | None) -> AuthorizationRecord:
    """Capture a hold, or a part of it

    Posts a transaction of type `card_purchase` with the merchant as its description, and releases the rest
    of the hold. A hold can be captured once.
    """
    return authorizations.capture(authorization_id, capture.get("amount"), claim)


@blueprint.operation(
    Operation(
        "POST",
        "/authorizations/<id:authorization_id>/void",
        access=Access.USER,
        scope=Scope.CARDS_WRITE,
        answer=schemas.Authorization,
        idempotent=True,
        errors=[errors.StateConflict],
    )
)
def void_authorization(authorization_id: str, claim: Claim | None) -> AuthorizationRecord:
    """Release a hold without a capture"""
    return authorizations.void(authorization_id, claim)


@blueprint.operation(
    Operation(
        "GET",
        "/authorizations",
        access=Access.USER,
        scope=Scope.CARDS_READ,
        query=schemas.AuthorizationQuery,
        answer=schemas.Authorization,
        errors=[errors.NotFound],
    )
)
def list_authorizations(card_id: str | None, window: Window) -> Page[AuthorizationRecord]:
    """List authorizations

    The list includes declined authorizations, with their reason.
    """
    return authorizations.search(card_id, window)


@blueprint.operation(
    Operation(
        "GET",
        "/authorizations/<id:authorization_id>",
        access=Access.USER,
        scope=Scope.CARDS_READ,
        answer=schemas.Authorization,
    )
)
def read_authorization(authorization_id: str) -> AuthorizationRecord:
    """Read an authorization"""
    return authorizations.get(authorization_id)
