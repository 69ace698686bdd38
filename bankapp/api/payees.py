"""Saved payees."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation, Scope
from bankapp.listing import Page, Window
from bankapp.models import PayeeRecord
from bankapp.schemas import payees as schemas
from bankapp.services import payees
from bankapp.services.idempotency import Claim

blueprint = Blueprint("payees", __name__, "Payees that you have saved")


@blueprint.operation(
    Operation(
        "POST",
        "/payees",
        access=Access.USER,
        scope=Scope.PAYEES_WRITE,
        body=schemas.NewPayee,
        answer=schemas.Payee,
        status=201,
        idempotent=True,
        errors=[errors.PayeeExists, errors.LimitExceeded],
    )
)
def create_payee(new: dict[str, Any], claim: Claim | None) -> PayeeRecord:
    """Save a payee

    The account may be at any bank. It is not looked up; `POST /v1/payee-verifications` compares its holder's name.
    """
    return payees.create(**new, claim=claim)


@blueprint.operation(
    Operation(
        "GET",
        "/payees",
        access=Access.USER,
        scope=Scope.PAYEES_READ,
        query=schemas.PayeeQuery,
        answer=schemas.Payee,
    )
)
def list_payees(window: Window) -> Page[PayeeRecord]:
    """List your payees"""
    return payees.search(window)


@blueprint.operation(
    Operation("GET", "/payees/<id:payee_id>", access=Access.USER, scope=Scope.PAYEES_READ, answer=schemas.Payee)
)
def read_payee(payee_id: str) -> PayeeRecord:
    """Read a payee"""
    return payees.get(payee_id)


@blueprint.operation(
    Operation(
        "PATCH",
        "/payees/<id:payee_id>",
        access=Access.USER,
        scope=Scope.PAYEES_WRITE,
        body=schemas.PayeeChange,
        answer=schemas.Payee,
    )
)
def change_payee(changes: dict[str, Any], payee_id: str) -> PayeeRecord:
    """Change the name or the nickname of a payee"""
    return payees.change(payee_id, changes)


@blueprint.operation(
    Operation("DELETE", "/payees/<id:payee_id>", access=Access.USER, scope=Scope.PAYEES_WRITE, status=204)
)
def delete_payee(payee_id: str) -> None:
    """Delete a payee"""
    payees.remove(payee_id)


@blueprint.operation(
    Operation(
        "POST",
        "/payees/<id:payee_id>/trust",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.PayeeTrust,
        answer=schemas.Payee,
        errors=(errors.InvalidCredentials, errors.OtpRequired, errors.RateLimited),
    )
)
def trust_payee(proof: dict[str, Any], payee_id: str) -> PayeeRecord:
    """Trust a payee

    `trusted` is your own mark. Setting it takes your password, and a code if your second factor is on.
    """
    return payees.trust(payee_id, **proof)


@blueprint.operation(
    Operation(
        "POST",
        "/payees/<id:payee_id>/untrust",
        access=Access.USER,
        scope=Scope.PAYEES_WRITE,
        answer=schemas.Payee,
    )
)
def untrust_payee(payee_id: str) -> PayeeRecord:
    """Trust a payee no longer"""
    return payees.untrust(payee_id)
