"""The second factor: time-based one-time passwords and recovery codes."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation
from bankapp.schemas import second_factors as schemas
from bankapp.services.identity import second_factors
from bankapp.services.identity.second_factors import Enrolment, Status

blueprint = Blueprint("second-factor", __name__, "The second factor: one-time passwords and recovery codes")

_REFUSALS = (errors.InvalidCredentials, errors.StateConflict, errors.RateLimited)


@blueprint.operation(Operation("GET", "/auth/otp", access=Access.USER, scope=NO_KEYS, answer=schemas.Status))
def read_otp() -> Status:
    """Read whether the second factor is on"""
    return second_factors.status()


@blueprint.operation(
    Operation(
        "POST",
        "/auth/otp/enrol",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.Enrol,
        answer=schemas.Enrolment,
        errors=_REFUSALS,
    )
)
def enrol_otp(body: dict[str, Any]) -> Enrolment:
    """Begin to switch the second factor on

    Add the secret to an authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds), then confirm it. Sign-in
    does not change until then. Each call makes a new secret.
    """
    return second_factors.enrol(body["password"])


@blueprint.operation(
    Operation(
        "POST",
        "/auth/otp/confirm",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.Confirm,
        answer=schemas.RecoveryCodes,
        errors=_REFUSALS,
    )
)
def confirm_otp(body: dict[str, Any]) -> dict[str, Any]:
    """Switch the second factor on with its first code

    Returns ten recovery codes, which are not shown again. Revokes every other session.
    """
    return {"recovery_codes": second_factors.confirm(body["otp"])}


@blueprint.operation(
    Operation(
        "POST", "/auth/otp/disable", access=Access.USER, scope=NO_KEYS, body=schemas.Proof, status=204, errors=_REFUSALS
    )
)
def disable_otp(body: dict[str, Any]) -> None:
    """Switch the second factor off with password and code

    Revokes every other session.
    """
    second_factors.disable(body["password"], body["otp"])


@blueprint.operation(
    Operation(
        "POST",
        "/auth/otp/recovery-codes",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.Proof,
        answer=schemas.RecoveryCodes,
        errors=_REFUSALS,
    )
)
def renew_recovery_codes(body: dict[str, Any]) -> dict[str, Any]:
    """Make new recovery codes

    The old ones are no longer accepted.
    """
    return {"recovery_codes": second_factors.renew_codes(body["password"], body["otp"])}
