"""Orders: requests that move or create something and are carried out exactly once, even after a crash.

An order is written to disk with its idempotency key before it is sent. It is deleted when its outcome
is known. If the answer is lost, the order is sent again with the same key: the bank then carries it out
or replays its answer. The command ``resume`` finishes the orders that are still on disk.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from bankapp.client import api
from bankapp.client.errors import NotSignedIn, OutcomeUnknown, Refused, Unreachable
from bankapp.client.session import Session
from bankapp.client.store import Order

RESUME_PATIENCE_SECONDS: Final = (*api.PATIENCE_SECONDS, *[4.0] * 9)
"""Longer than the bank's lease of a key: after it, another worker may take over the order of a dead one."""

SAFE_AGE_SECONDS: Final = 6 * 24 * 3600
"""The bank keeps keys for 7 days. An older order that is sent again could be carried out a second time."""


def place(
    session: Session, path: str, body: Mapping[str, Any], summary: str, key: str | None = None
) -> tuple[Any, bool]:
    """Carry out ``POST path`` exactly once. Return the answer, and whether it finished an earlier order.

    If an earlier command left the same request unfinished, that order is finished and no new one is
    placed. So repeating a command until it succeeds never moves money twice. ``summary`` describes the
    order to a person. Raises Refused or Unreachable if nothing was carried out, else OutcomeUnknown.
    """
    tokens = session.tokens()
    order = Order(key or str(uuid.uuid4()), tokens.url, tokens.user_id, path, dict(body), summary, time.time())
    for earlier in session.profile.orders():
        if _is_same(earlier, order, key) and not is_too_old(earlier):
            with session.profile.locked_order(earlier) as is_locked:
                if is_locked:
                    return deliver(session, earlier, sent_before=True), True
    session.profile.add(order)
    with session.profile.locked_order(order):
        return deliver(session, order), False


def deliver(
    session: Session,
    order: Order,
    *,
    sent_before: bool = False,
    pauses_seconds: tuple[float, ...] | None = None,
) -> Any:
    """Send a locked order until its outcome is known. Delete the order and return the answer.

    Raises Refused, Unreachable or NotSignedIn if nothing was carried out; the order is deleted then.
    Raises OutcomeUnknown otherwise, and the order stays on disk.
    """
    uncertain = sent_before
    reason: Exception | None = None
    try:
        for _, pause in api.attempts(pauses_seconds or api.PATIENCE_SECONDS):
            wait = api.retry_after_seconds(reason) if isinstance(reason, Refused | Unreachable) else 0
            time.sleep(max(pause, wait))
            try:
                answer = _send(session, order)
            except Unreachable as problem:
                uncertain = uncertain or problem.sent
                reason = problem
            except Refused as refusal:
                reason = refusal
                if not api.is_temporary(refusal):
                    break
                uncertain = uncertain or refusal.reason == "idempotency_in_flight"
            except NotSignedIn as problem:
                reason = problem
                break
            else:
                session.profile.settle(order)
                return answer
    except KeyboardInterrupt:
        raise OutcomeUnknown(f"Interrupted: {order.summary}. Use `resume` to finish it.") from None
    assert reason is not None
    if uncertain and not _is_final(reason):
        raise OutcomeUnknown(f"{reason}\nOutcome unknown: {order.summary}. Use `resume` to finish it.")
    session.profile.settle(order)
    raise reason


def is_too_old(order: Order) -> bool:
    """Tell whether the bank may have deleted the order's key."""
    return order.made_at + SAFE_AGE_SECONDS < time.time()


def _send(session: Session, order: Order) -> Any:
    return api.document(session.call("POST", order.path, body=order.body, headers={"Idempotency-Key": order.key}))


def _is_final(reason: Exception) -> bool:
    """Tell whether a refusal is also the outcome of the earlier attempts.

    The bank checks the key before it decides on the order, so its refusal is the outcome of every
    attempt with this key. Only 403 and 429 are answered before the key is checked.
    """
    return isinstance(reason, Refused) and reason.status != 403 and not api.is_temporary(reason)


def _is_same(earlier: Order, order: Order, key: str | None) -> bool:
    same = (earlier.url, earlier.user_id, earlier.path) == (order.url, order.user_id, order.path)
    return same and earlier.body == order.body and key in (None, earlier.key)
