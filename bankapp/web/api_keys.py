"""API keys: the form that creates one, and a key with its actions."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bankapp import clock, context
from bankapp.endpoints import Scope
from bankapp.models import AccountRecord, ApiKeyRecord
from bankapp.services import accounts
from bankapp.services.identity import api_keys, second_factors
from bankapp.web.pages import Pages, render

blueprint = Pages("api_keys", __name__)

LIFETIMES: Final = (7, 30, 90, 180, 365)
"""The lifetimes that the form offers, in days."""
USUAL_LIFETIME: Final = 90

OVERLAPS: Final = (
    (0, "No longer: it ends at once"),
    (3_600, "An hour"),
    (86_400, "A day"),
    (int(api_keys.MAX_OVERLAP.total_seconds()), f"{api_keys.MAX_OVERLAP.days} days"),
)
"""How long the secret until now may still count, in seconds."""


@blueprint.page("/developers/keys/new")
def new_key() -> str:
    """Return the form that creates an API key."""
    now = clock.now()
    return render(
        "api_key_new",
        scopes=[(scope.value, *scope.value.split(":")) for scope in Scope],
        accounts=[account for account in _mine() if account.status != "closed"],
        expiries=[(days, now + timedelta(days=days)) for days in LIFETIMES],
        usual=USUAL_LIFETIME,
        second_factor=second_factors.status(),
    )


@blueprint.page("/developers/keys/<id:api_key_id>")
def key(api_key_id: str) -> str:
    """Return an API key: what it may do, and the forms that roll and revoke it."""
    shown = api_keys.get(api_key_id)
    return render(
        "api_key",
        key=shown,
        state=state(shown),
        accounts=[account for account in _mine() if account.id in (shown.account_ids or ())],
        overlaps=OVERLAPS,
        now=clock.now(),
        second_factor=second_factors.status(),
    )


def state(key: ApiKeyRecord) -> str:
    """Return ``active``, ``revoked`` or ``expired``."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at <= clock.now() else "active"


def _mine() -> list[AccountRecord]:
    return list(accounts.of_user(context.user().id))
