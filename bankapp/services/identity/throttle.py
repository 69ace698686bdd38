"""Throttling of sign-ins: after ten failures in a row, the next attempts must wait.

The database counts failures, so the count holds on every worker and node. Each count belongs to a *bucket*.
An IP address or device from which the user signed in lately has its own bucket. All other attempts on the same
e-mail address share one bucket, so a stranger never slows down the user at a known address. An unknown e-mail
address is counted in the same way, because the answer must not reveal whether the address has an account.
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
"""How long an IP address or device counts as known after a sign-in from it."""


def bucket(email: str) -> str:
    """Return the bucket of this request's attempts to sign in as ``email`` (case-folded). Raises Unavailable."""
    current = context.current()
    address, device = sessions.are_known(email, current.ip_address, current.device_id, clock.now() - FAMILIAR_FOR)
    if address:
        return _digest("address", email, str(current.ip_address))
    if device:
        return _digest("device", email, str(current.device_id))
    return _digest("anywhere", email)


def bucket_of_user(user_id: str) -> str:
    """Return the bucket of a signed-in user's failed checks of password or code."""
    return _digest("user", user_id)


def enter(bucket: str) -> None:
    """Admit an attempt, or refuse it before its password is checked. Raises RateLimited with the seconds to wait.

    Of several attempts at the end of a wait, one is admitted.
    """
    count = login_throttles.get(bucket)
    if count is None or count.failures < FREE_FAILURES:
        return
    last, now = count.last_attempt_at, clock.now()
    wait = last + _wait(count.failures) - now
    if wait > timedelta(0) or not db.run(lambda: login_throttles.take_turn(bucket, last, now)):
        seconds = max(1, math.ceil(wait.total_seconds()))
        raise errors.RateLimited("Too many failed attempts. Wait before you try again.", retry_after_seconds=seconds)


def count_failure(bucket: str) -> None:
    """Count a failure in the caller's transaction."""
    login_throttles.count(bucket, clock.now())


def forget_failures(bucket: str) -> None:
    """Delete the count of this bucket in the caller's transaction."""
    login_throttles.forget(bucket)


def _wait(failures: int) -> timedelta:
    doublings: int = min(failures - FREE_FAILURES, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def _digest(*parts: str) -> str:
    # No part can contain the separator.
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
