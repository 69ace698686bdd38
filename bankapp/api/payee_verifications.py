"""The verification of payee."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api import limits
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.schemas import payee_verifications as schemas
from bankapp.services import payee_verifications
from bankapp.services.payee_verifications import NOT_POSSIBLE, Verification

blueprint = Blueprint("payee-verifications", __name__, "Verification of payee")


@blueprint.operation(
    Operation(
        "POST",
        "/payee-verifications",
        access=Access.USER,
        scope=Scope.PAYEES_WRITE,
        body=schemas.NewPayeeVerification,
        answer=schemas.PayeeVerification,
        limits=limits.PAYEE_VERIFICATION,
        errors=[errors.RateLimited],
    )
)
def verify_payee(new: dict[str, Any]) -> Verification:
    """Verify a payee

    Tells whether a name is that of an account's holder, before you send money: `match`, `close_match` with the
    holder's name, or `no_match`. The order of words, case, accents, titles and the spelling of umlauts do not count.
    An account that is unknown, closed or at another bank gives `not_possible`.

    A user may verify 100 payees an hour, and the same account 10 times. A result `not_possible` counts like a transfer
    to an account that does not exist.
    """
    with limits.payee_lookups() as count:
        verification = payee_verifications.verify(**new)
        count(int(verification.result == NOT_POSSIBLE))
    return verification
