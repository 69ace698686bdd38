"""The two rows of a sensitive request, its audit row and its idempotency key, written in one step.

On PostgreSQL each step is one statement: what must be durable before the money moves costs one way
to the database and back, and so do the money, the outcome and the answer together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from bankapp import database
from bankapp.context import Answer, IdempotencyClaim
from bankapp.models import AuditLog
from bankapp.repositories import audit_logs, bulk, idempotency_keys
from bankapp.repositories.audit_logs import Outcome

_DONE = audit_logs.FINISH.returning(AuditLog.__table__.c.id).cte("done")
_FINISH_BOTH = idempotency_keys.FINISH.where(select(_DONE.c.id).exists())


def begin(claim: IdempotencyClaim, audit_row: dict[str, Any], now: datetime) -> bool:
    """Store a claim and the pending audit row of what it is for; False, and neither, when the key is claimed."""
    key = {"scope": claim.scope, "fingerprint": claim.fingerprint, "claim_id": claim.id, "claimed_at": now}
    return bulk.claim(key, audit_row)


def finish(outcome: Outcome, writes: bulk.Tables) -> bool:
    """Store the outcome with what was done; False when the row was finished before."""
    return bulk.insert_and_change(writes, audit_logs.FINISH, outcome.parameters()) == 1


def finish_claimed(outcome: Outcome, writes: bulk.Tables, claim: IdempotencyClaim, answer: Answer) -> bool:
    """Store the outcome with what was done and the answer; False when the claim is no longer held."""
    answered = idempotency_keys.finish_parameters(claim.scope, claim.id, answer, outcome.finished_at)
    if database.is_sqlite():
        finish(outcome, writes)
        return database.change(idempotency_keys.FINISH, answered) == 1
    return bulk.insert_and_change(writes, _FINISH_BOTH, outcome.parameters() | answered) == 1
