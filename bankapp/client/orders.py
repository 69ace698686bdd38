"""Orders: requests that move or create something, and happen exactly once whatever becomes of us.

An order is written to disk with its idempotency key before it is sent, and forgotten when its
outcome is known. A lost answer is asked for again with the same key: the bank then does the work or
repeats its answer. What stays on disk is finished by ``resume``.
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
"""Long enough for a bank whose worker died with the order to let another one have it."""

SAFE_AGE_SECONDS: Final = 6 * 24 * 3600
"""The bank remembers keys for 7 days; an older order, sent again, could be carried out a second time."""


def place(
    session: Session, path: str, body: Mapping[str, Any], summary: str, key: str | None = None
) -> tuple[Any, bool]:
    """Carry out ``POST path`` exactly once; return the answer, and whether it finished an earlier order.

    The very same request left unfinished by an earlier command is finished instead of placed anew,
    so that calling again until it works never moves money twice. ``summary`` tells a person what it
    is. Raises Refused and Unreachable when certainly nothing happened, else OutcomeUnknown.
    """
    tokens = session.tokens()
    order = Order(key or str(uuid.uuid4()), tokens.url, tokens.user_id, path, dict(body), summary, time.time())
    for earlier in session.profile.orders():
        if _is_same(earlier, order, key) and not is_too_old(earlier):
            with session.profile.held(earlier) as ours:
                if ours:
                    return deliver(session, earlier, sent_before=True), True
    session.profile.add(order)
    with session.profile.held(order):
        return deliver(session, order), False


def deliver(
    session: Session,
    order: Order,
    *,
    sent_before: bool = False,
    patience: tuple[float, ...] | None = None,
) -> Any:
    """Send an order that is held until its outcome is known; settle it and return the answer.

    Raises Refused, Unreachable or NotSignedIn when certainly nothing happened (the order is
    settled), OutcomeUnknown otherwise (it stays).
    """
    uncertain = sent_before
    reason: Exception | None = None
    try:
        for _, pause in api.pauses(patience or api.PATIENCE_SECONDS):
            time.sleep(max(pause, api.wait_of(reason) if isinstance(reason, Refused | Unreachable) else 0))
            try:
                answer = _send(session, order)
            except Unreachable as problem:
                uncertain = uncertain or problem.sent
                reason = problem
            except Refused as refusal:
                reason = refusal
                if not api.is_momentary(refusal):
                    break
                uncertain = uncertain or refusal.reason == "idempotency_in_flight"
            except NotSignedIn as problem:
                reason = problem
                break
            else:
                session.profile.settle(order)
                return answer
    except KeyboardInterrupt:
        raise OutcomeUnknown(f"Interrupted: {order.summary}. `resume` finds out and finishes it.") from None
    assert reason is not None
    if uncertain and not _is_verdict(reason):
        raise OutcomeUnknown(f"{reason}\nNot known yet: {order.summary}. `resume` finds out and finishes it.")
    session.profile.settle(order)
    raise reason


def is_too_old(order: Order) -> bool:
    """Tell whether the bank may have forgotten the order's key."""
    return order.made_at + SAFE_AGE_SECONDS < time.time()


def _send(session: Session, order: Order) -> Any:
    return api.document(session.call("POST", order.path, body=order.body, headers={"Idempotency-Key": order.key}))


def _is_verdict(reason: Exception) -> bool:
    """Tell whether a refusal also speaks for the tries before it.

    The bank looks at the key before it judges the order, so its judgement is about all of them; 403
    and 429 come before it looks.
    """
    return isinstance(reason, Refused) and reason.status != 403 and not api.is_momentary(reason)


def _is_same(earlier: Order, order: Order, key: str | None) -> bool:
    same = (earlier.url, earlier.user_id, earlier.path) == (order.url, order.user_id, order.path)
    return same and earlier.body == order.body and key in (None, earlier.key)
