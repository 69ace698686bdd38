"""Rate limits for sign-up, sign-in and refresh, for API keys, and for payees that are verified or cannot be paid.

They are counted per IP address, per e-mail address, per session owner, per key, per user and per account number.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from flask import Flask, Response, after_this_request, current_app
from flask_limiter import Limiter, RateLimitExceeded, RouteLimit
from limits import parse
from limits.errors import StorageError

from bankapp import context, errors
from bankapp.api import parking
from bankapp.api.errors import respond
from bankapp.api.operations import Limit
from bankapp.api.parsing import request
from bankapp.services.identity import throttle, tokens
from bankapp.services.identity.auth import fold_email


def _address() -> str:
    address = ipaddress.ip_address(context.current().ip_address or "0.0.0.0")  # noqa: S104 - stands for an unknown address, no server binds to it
    if address.version == 4:
        return str(address)
    # A subscriber usually has a whole /64 network (RFC 6177), so the network is counted as one client.
    return str(ipaddress.ip_network((address, 64), strict=False))


def _field(name: str) -> str | None:
    # The parser refuses an unreadable body afterwards, with its reason.
    try:
        document = request.document
    except errors.BankError:
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None


def _email_or_address() -> str:
    return fold_email(_field("email") or "") or _address()


def _email() -> str:
    return _digest(_email_or_address())


def _login_bucket() -> str:
    # The same buckets as failed sign-ins: attempts from unknown devices do not use up those of a known device.
    try:
        return throttle.bucket(_email_or_address())
    except errors.BankError:
        return _email()


def _token_owner() -> str:
    # A refresh token changes with every use, its owner does not.
    try:
        return _digest(tokens.owner_of(_field("refresh_token") or "") or _address())
    except errors.BankError:
        return _address()


def _user() -> str:
    return context.current().subject or _address()


def _account_number() -> str:
    return _digest("".join((_field("account_number") or "").split()).upper())


def _user_and_account_number() -> str:
    return f"{_user()}:{_account_number()}"


def _digest(value: str) -> str:
    # Hashed, so that keys have one length and no e-mail address is in the limiter's store or in the log.
    return hashlib.sha256(value.encode()).hexdigest()


LOGIN: Final = (Limit("60 per minute", _address), Limit("10 per minute", _login_bucket))
SIGNUP: Final = (Limit("60 per minute", _address), Limit("5 per minute", _email))
REFRESH: Final = (Limit("120 per minute", _address), Limit("30 per minute", _token_owner))

# Nobody may learn holders' names by guessing. The limit for an account over all users is wide, so that one user
# cannot keep others from verifying the account of a shop.
PAYEE_VERIFICATION: Final = (
    Limit("100 per hour", _user),
    Limit("10 per hour", _user_and_account_number),
    Limit("300 per hour", _account_number),
)
PAYEE_LOOKUPS: Final = parse("100 per hour")


def init_app(app: Flask) -> None:
    """Create the limiter of this application if ``RATELIMIT_ENABLED`` is on.

    It is not in ``extensions``: a limiter stores its configuration in itself, so a second application
    in the same process would overwrite the configuration of the first.
    """
    if not app.config["BANKAPP"].ratelimit_enabled:
        return
    limiter = Limiter(
        _address,
        app=app,
        # If Redis does not answer, limits are counted in memory: sign-in neither fails nor waits.
        in_memory_fallback_enabled=True,
        storage_options={"socket_connect_timeout": 1, "socket_timeout": 1, "wrap_exceptions": True},
    )
    app.extensions["bankapp_limiter"] = limiter

    @app.errorhandler(RateLimitExceeded)
    def exceeded(_: RateLimitExceeded) -> Response:
        seconds = 60
        with suppress(StorageError):
            if limiter.current_limit:
                seconds = _seconds_until(limiter.current_limit.reset_at)
        return respond(errors.RateLimited("Too many requests of this kind.", retry_after_seconds=seconds))


def check(limits: Sequence[Limit]) -> None:
    """Count this request against ``limits`` and add the RateLimit headers to its answer. Raises RateLimitExceeded."""
    limiter: Limiter | None = current_app.extensions.get("bankapp_limiter")
    if limiter is not None and not parking.is_served_again():
        _enforce(limiter, [limiter.limit(limit.rate, key_func=limit.key) for limit in limits])


def check_api_key(key_id: str) -> None:
    """Count this request against the limit of an API key over all endpoints, as :func:`check`."""
    limiter: Limiter | None = current_app.extensions.get("bankapp_limiter")
    if limiter is not None and not parking.is_served_again():
        rate = context.config().api_key_rate_limit
        _enforce(limiter, [limiter.shared_limit(rate, scope="api_key", key_func=lambda: key_id)])


def _enforce(limiter: Limiter, limits: Sequence[RouteLimit]) -> None:
    @after_this_request
    def add_headers(response: Response) -> Response:
        # Reading the limits asks the store again. If it fails now, the headers are left out.
        with suppress(StorageError):
            tightest = min(limiter.current_limits, key=lambda limit: limit.remaining, default=None)
            if tightest is not None:
                response.headers["RateLimit-Limit"] = str(tightest.limit.amount)
                response.headers["RateLimit-Remaining"] = str(tightest.remaining)
                response.headers["RateLimit-Reset"] = str(_seconds_until(tightest.reset_at))
        return response

    for limit in limits:
        with limit:
            pass


@contextmanager
def payee_lookups() -> Iterator[Callable[[int], None]]:
    """Limit how many payees that cannot be paid or do not exist a user may try (``PAYEE_LOOKUPS``).

    A client that may try any number of IBANs learns which of them are accounts of this bank. The block counts a
    refusal that it raises; a batch counts its refused payees, and a verification an account that it does not find, by
    the function that the block gets. A store that does not answer lets every request pass. Raises RateLimited.
    """
    limiter: Limiter | None = current_app.extensions.get("bankapp_limiter")
    if limiter is None:
        yield lambda _: None
        return
    key = ("payee_lookups", _user())
    seconds = None
    with suppress(StorageError):
        if not limiter.limiter.test(PAYEE_LOOKUPS, *key):
            seconds = _seconds_until(limiter.limiter.get_window_stats(PAYEE_LOOKUPS, *key).reset_time)
    if seconds is not None:
        raise errors.RateLimited("Too many payees could not be paid; wait.", retry_after_seconds=seconds)

    def count(refused: int) -> None:
        with suppress(StorageError):
            if refused:
                limiter.limiter.hit(PAYEE_LOOKUPS, *key, cost=refused)

    try:
        yield count
    except (errors.NotFound, errors.PayeeNotPayable):
        count(1)
        raise


def _seconds_until(moment: float) -> int:
    return max(1, round(moment - time.time()))
