"""Ten failures to sign in in a row slow the next attempts down, in the database, so on every worker and node.

Failures are counted by e-mail address (whether or not it is anybody's: the answer must not tell), but
apart for every place the owner is known to sign in from. So a stranger slows down strangers, never
the owner at home; and somebody at the owner's own address only that address.
"""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta
from typing import Final

from bankapp import clock, context, db, errors
from bankapp.repositories import login_throttles, sessions

FREE_FAILURES: Final = 10
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=1)
FAMILIAR_FOR: Final = timedelta(days=30)
"""How long an address or device stays known after somebody signed in from it."""


def bucket(email: str) -> str:
    """Return where an attempt to sign in as ``email`` (case-folded) from here is counted. Raises Unavailable."""
    current = context.current()
    address, device = sessions.knows(email, current.ip_address, current.device_id, clock.now() - FAMILIAR_FOR)
    if address:
        return _digest("address", email, str(current.ip_address))
    if device:
        return _digest("device", email, str(current.device_id))
    return _digest("anywhere", email)


def bucket_of_user(user_id: str) -> str:
    """Return where failures to prove a password again, once signed in, are counted."""
    return _digest("user", user_id)


def enter(bucket: str) -> None:
    """Let an attempt pass, or refuse it before anything is checked. Raises RateLimited.

    One attempt at a time passes after each wait, however many come at once.
    """
    found = login_throttles.get(bucket)
    if found is None or found.failures < FREE_FAILURES:
        return
    last, now = found.last_attempt_at, clock.now()
    wait = last + _wait(found.failures) - now
    if wait > timedelta(0) or not db.run(lambda: login_throttles.take_turn(bucket, last, now)):
        seconds = max(1, math.ceil(wait.total_seconds()))
        raise errors.RateLimited("Too many failed attempts; wait a little.", retry_after_seconds=seconds)


def failed(bucket: str) -> None:
    """Count a failure, in the caller's transaction."""
    login_throttles.count(bucket, clock.now())


def succeeded(bucket: str) -> None:
    """Forget the failures of this bucket, in the caller's transaction."""
    login_throttles.forget(bucket)


def _wait(failures: int) -> timedelta:
    doublings: int = min(failures - FREE_FAILURES, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def _digest(*parts: str) -> str:
    # Separated by a character that none of the parts can have.
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
