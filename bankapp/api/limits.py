"""How many requests of one kind a client may send: per address, and per e-mail address."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from flask import Flask, Response, after_this_request, current_app
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse
from limits.errors import StorageError

from bankapp import context, errors
from bankapp.api.errors import respond
from bankapp.api.operations import Limit
from bankapp.api.parsing import request
from bankapp.services.identity import throttle, tokens
from bankapp.services.identity.auth import fold_email


def _address() -> str:
    address = ipaddress.ip_address(context.current().ip_address or "0.0.0.0")  # noqa: S104 - nobody's, not an interface
    if address.version == 4:
        return str(address)
    # Who has one IPv6 address has the whole network of it (RFC 6177).
    return str(ipaddress.ip_network((address, 64), strict=False))


def _field(name: str) -> str | None:
    # What cannot be read is refused by the parser in a moment, with its reason.
    try:
        document = request.document
    except errors.BankError:
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None


def _given_email() -> str:
    return fold_email(_field("email") or "") or _address()


def _email() -> str:
    return _digest(_given_email())


def _login_bucket() -> str:
    # Counted like failures: a stranger uses up the attempts of strangers, not those of the owner at home.
    try:
        return throttle.bucket(_given_email())
    except errors.BankError:
        return _email()


def _owner() -> str:
    # Of a refresh token, which changes with every use while its owner stays.
    try:
        return _digest(tokens.owner_of(_field("refresh_token") or "") or _address())
    except errors.BankError:
        return _address()


def _digest(value: str) -> str:
    # Of one length, and nobody's address in the store of the limits or in the log.
    return hashlib.sha256(value.encode()).hexdigest()


LOGIN: Final = (Limit("60 per minute", _address), Limit("10 per minute", _login_bucket))
SIGNUP: Final = (Limit("60 per minute", _address), Limit("5 per minute", _email))
REFRESH: Final = (Limit("120 per minute", _address), Limit("30 per minute", _owner))


PAYEE_LOOKUPS: Final = parse("100 per hour")


def init_app(app: Flask) -> None:
    """Make the limiter of this application, where the settings want one.

    The limiter belongs to this application and not to ``extensions``: it keeps what it was configured
    with in itself, so two applications of one process would share the settings of the later one.
    """
    if not app.config["BANKAPP"].ratelimit_enabled:
        return
    limiter = Limiter(
        _address,
        app=app,
        # A Redis that does not answer must not keep people out, nor waiting.
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
        return respond(errors.RateLimited("Too many requests of this kind; wait.", retry_after_seconds=seconds))


def check(limits: Sequence[Limit]) -> None:
    """Count this request against ``limits``, and say in its answer what is left. Raises RateLimitExceeded."""
    limiter: Limiter | None = current_app.extensions.get("bankapp_limiter")
    if limiter is None:
        return

    @after_this_request
    def tell(response: Response) -> Response:
        # The store is asked again, and may be gone by now: then what is left is unknown.
        with suppress(StorageError):
            tightest = min(limiter.current_limits, key=lambda limit: limit.remaining, default=None)
            if tightest is not None:
                response.headers["RateLimit-Limit"] = str(tightest.limit.amount)
                response.headers["RateLimit-Remaining"] = str(tightest.remaining)
                response.headers["RateLimit-Reset"] = str(_seconds_until(tightest.reset_at))
        return response

    for limit in limits:
        with limiter.limit(limit.rate, key_func=limit.key):
            pass


@contextmanager
def payee_lookups() -> Iterator[Callable[[int], None]]:
    """Let a user try so many payees that cannot be paid, or are not there, and no more.

    A client that may try any number of IBANs learns which of them are accounts of this bank. The block counts a
    refusal that it raises; a batch counts its refused payees by the function that the block gets. A store that does
    not answer lets every request pass. Raises RateLimited.
    """
    limiter: Limiter | None = current_app.extensions.get("bankapp_limiter")
    if limiter is None:
        yield lambda _: None
        return
    key = ("payee_lookups", context.current().subject or _address())
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
