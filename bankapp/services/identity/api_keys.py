"""API keys: with one a server acts as the user who made it, within the key's scopes, accounts and networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from bankapp import clock, context, db, errors, ids
from bankapp.endpoints import Scope
from bankapp.listing import Page, Window
from bankapp.models import ApiKeyRecord, UserRecord
from bankapp.repositories import accounts, api_keys
from bankapp.services import access, audit, events
from bankapp.services.identity import api_key_secrets, second_factors

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_LIFETIME: Final = timedelta(days=366)
MAX_KEYS: Final = 50
"""How many keys a user may have that are neither revoked nor expired."""

MAX_OVERLAP: Final = timedelta(days=7)
USE_INTERVAL: Final = timedelta(minutes=1)
"""How exact the stored time of a key's last use is."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What the API key of a secret may do. None of it ever changes: only the database knows whether it still counts."""

    key_id: str
    user_id: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[Scope]
    account_ids: frozenset[str] | None
    networks: tuple[Network, ...] | None

    def check(self, scope: Scope | None, ip_address: str | None) -> None:
        """Refuse an address outside of the key's networks, and an operation that asks for another ``scope``.

        Raises IpAddressNotAllowed or InsufficientScope.
        """
        if self.networks is not None and not _contains(self.networks, ip_address):
            raise errors.IpAddressNotAllowed("This API key may not be used from this IP address.")
        if scope is None:
            raise errors.InsufficientScope("No API key may do this: sign in.")
        if scope not in self.scopes:
            detail = f"This API key lacks the scope {scope.value}."
            raise errors.InsufficientScope(detail, extra={"required_scope": scope.value})


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its secret, which is shown once and never stored."""

    key: ApiKeyRecord
    secret: str = field(repr=False)


def permission(secret: str) -> Permission:
    """Return what the API key with this secret may do. Raises TokenInvalid where there is no such key."""
    if not api_key_secrets.is_well_formed(secret):
        raise errors.TokenInvalid("The API key is not valid.")
    return _permission(api_key_secrets.digest(secret))


@lru_cache(maxsize=4096)
def _permission(secret_hash: str) -> Permission:
    # What a key may do never changes, so each process asks once. Whether the key still counts is asked every time.
    # A scope that a newer release has made is left out.
    key = api_keys.by_hash(secret_hash)
    if key is None:
        raise errors.TokenInvalid("The API key is not valid.")
    return Permission(
        key_id=key.id,
        user_id=key.user_id,
        secret_hash=secret_hash,
        scopes=frozenset(scope for scope in Scope if scope.value in key.scopes),
        account_ids=None if key.account_ids is None else frozenset(key.account_ids),
        networks=None if key.ip_allowlist is None else tuple(map(ipaddress.ip_network, key.ip_allowlist)),
    )


def authenticate_request(permitted: Permission) -> None:
    """Let this request act for the owner of an API key, if the key is live.

    The request's first statement checks the key by an added query. ``context.user`` returns the user after that;
    called earlier, it checks the key by a separate statement. The check raises ApiKeyRevoked, ApiKeyExpired, or
    TokenInvalid for a secret that was rolled away. The user has the role of a customer: no key has staff powers.
    """
    now = clock.now()

    def admit(use_is_due: int | None) -> None:
        if use_is_due is None:
            raise _refusal(permitted, now)
        user = context.User(
            permitted.user_id, context.CUSTOMER, "", "", permitted.account_ids, key_use_is_due=use_is_due == 1
        )
        context.update(user=user)

    api_keys.guard(permitted.key_id, permitted.secret_hash, now, now - USE_INTERVAL, admit)
    context.update(subject=permitted.user_id, api_key_id=permitted.key_id, authenticate=db.check_guard)


def _refusal(permitted: Permission, now: datetime) -> errors.Unauthenticated:
    """Return why a key that is not live is refused."""
    key = api_keys.get(permitted.key_id)
    if key is None or permitted.secret_hash not in (key.secret_hash, key.previous_hash):
        return errors.TokenInvalid("The API key is not valid.")
    is_previous = permitted.secret_hash == key.previous_hash
    ends_at = key.previous_expires_at if is_previous and key.previous_expires_at else key.expires_at
    if key.revoked_at is None and min(ends_at, key.expires_at) <= now:
        return errors.ApiKeyExpired("The API key has expired.")
    return errors.ApiKeyRevoked("The API key is no longer valid.")


def note_use(key_id: str) -> None:
    """Store that a key is used now, at most once a minute. Neither waits for a lock nor raises for an outage."""
    now = clock.now()
    api_keys.touch(key_id, now, now - USE_INTERVAL)


def create(
    name: str,
    scopes: Sequence[str],
    account_ids: Sequence[str] | None,
    ip_allowlist: Sequence[str] | None,
    expires_at: datetime,
    *,
    password: str,
    otp: str | None,
) -> NewKey:
    """Make an API key for the caller, after a check of password and code.

    Raises InvalidCredentials, OtpRequired, RateLimited, ValidationFailed for a wrong expiry or an account that is
    not the caller's, or LimitExceeded.
    """
    now = clock.now()
    if not now < expires_at <= now + MAX_LIFETIME:
        reason = f"Must lie in the future, at most {MAX_LIFETIME.days} days from now."
        raise errors.ValidationFailed(errors={"expires_at": [reason]})

    def add(user: UserRecord) -> NewKey:
        _check_accounts(account_ids or ())
        # The user is locked, so two requests cannot both take the last place.
        if api_keys.count_live(user.id, now) >= MAX_KEYS:
            raise errors.LimitExceeded(
                f"You have {MAX_KEYS} API keys, which is the limit. Revoke one that is not used."
            )
        secret = api_key_secrets.new()
        key = ApiKeyRecord(
            id=ids.new(),
            user_id=user.id,
            name=name,
            scopes=sorted(scopes),
            account_ids=None if account_ids is None else sorted(account_ids),
            ip_allowlist=None if ip_allowlist is None else sorted(ip_allowlist),
            last4=secret[-4:],
            secret_hash=api_key_secrets.digest(secret),
            previous_hash=None,
            previous_expires_at=None,
            created_at=now,
            expires_at=expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        api_keys.add(key._asdict())
        limits = {"scopes": key.scopes, "account_ids": key.account_ids, "ip_allowlist": key.ip_allowlist}
        _record("api_key_create", key, limits | {"expires_at": clock.to_text(expires_at)})
        events.record("api_key.created", key)
        return NewKey(key, secret)

    return second_factors.with_proof("api_key_create", password, otp, add)


def _check_accounts(account_ids: Sequence[str]) -> None:
    unknown = []
    for account_id in account_ids:
        try:
            access.own(accounts.get(account_id), "account")
        except errors.NotFound:
            unknown.append(f"You have no account {account_id}.")
    if unknown:
        raise errors.ValidationFailed(errors={"account_ids": unknown})


def roll(key_id: str, overlap: timedelta, *, password: str, otp: str | None) -> NewKey:
    """Give the caller's key a new secret, after a check of password and code.

    The secret until now counts for ``overlap``; one of an earlier roll ends at once. Raises InvalidCredentials,
    OtpRequired, RateLimited, NotFound, or StateConflict for a key that is revoked or expired.
    """
    _own(api_keys.get(key_id))

    def renew(_: UserRecord) -> NewKey:
        key, now = _own(api_keys.lock(key_id)), clock.now()
        if key.revoked_at is not None or key.expires_at <= now:
            raise errors.StateConflict("The API key is revoked or expired.")
        secret = api_key_secrets.new()
        values: dict[str, Any] = {
            "last4": secret[-4:],
            "secret_hash": api_key_secrets.digest(secret),
            "previous_hash": key.secret_hash,
            "previous_expires_at": min(now + overlap, key.expires_at),
        }
        api_keys.change(key_id, **values)
        _record("api_key_roll", key, {"overlap_seconds": int(overlap.total_seconds())})
        return NewKey(key._replace(**values), secret)

    return second_factors.with_proof("api_key_roll", password, otp, renew)


def revoke(key_id: str) -> None:
    """Revoke the caller's key with all its secrets, at once; a key that is revoked stays so. Raises NotFound."""

    def revoke() -> None:
        key = _own(api_keys.lock(key_id))
        if key.revoked_at is None:
            _revoke(key)
            _record("api_key_revoke", key, {})

    db.run(revoke)


def revoke_for(key_id: str, *, operator: str) -> ApiKeyRecord:
    """Revoke the key of any user, at once, and return it. Raises NotFound, or StateConflict for a revoked key."""

    def revoke() -> ApiKeyRecord:
        key = api_keys.lock(key_id)
        if key is None:
            raise errors.NotFound("There is no API key with this id.")
        if key.revoked_at is not None:
            raise errors.StateConflict("The API key is already revoked.")
        _revoke(key)
        # The operator is not a user of the bank, so the row has no user_id.
        facts = {"operator": operator, "customer_id": key.user_id, "key_name": key.name}
        audit.record("api_key_revoke", resource_type="api_key", resource_id=key.id, metadata=facts)
        return key

    return db.run(revoke)


def _revoke(key: ApiKeyRecord) -> None:
    now = clock.now()
    api_keys.change(key.id, revoked_at=now)
    events.record("api_key.revoked", key._replace(revoked_at=now))


def get(key_id: str) -> ApiKeyRecord:
    """Return the caller's own key. Raises NotFound."""
    return _own(api_keys.get(key_id))


def search(window: Window) -> Page[ApiKeyRecord]:
    """Return the caller's keys, newest first, with those that are revoked or expired."""
    return api_keys.of_user(context.user().id, window)


def _own(key: ApiKeyRecord | None) -> ApiKeyRecord:
    return access.own(key, "API key")


def _record(event_type: str, key: ApiKeyRecord, facts: dict[str, Any]) -> None:
    facts = {"key_name": key.name} | facts
    audit.record(event_type, user_id=key.user_id, resource_type="api_key", resource_id=key.id, metadata=facts)


def _contains(networks: Sequence[Network], ip_address: str | None) -> bool:
    if ip_address is None:
        return False
    address = ipaddress.ip_address(ip_address)
    return any(address in network for network in networks)
