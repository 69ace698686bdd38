"""The two rows of a sensitive request, its audit row and its idempotency key, written in one step.

On PostgreSQL each step is one statement: what must be durable before the money moves costs one way
to the database and back, and so do the money, the outcome and the answer together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from bankapp import connections, database
from bankapp.context import Answer, IdempotencyClaim
from bankapp.models import AuditLog, IdempotencyKey
from bankapp.models.audit_log import PENDING
from bankapp.repositories import audit_logs, bulk, idempotency_keys
from bankapp.repositories.account_states import Look
from bankapp.repositories.audit_logs import Outcome

_AUDIT: Any = AuditLog.__table__
_DONE = audit_logs.FINISH.returning(_AUDIT.c.id).cte("done")
_FINISH_BOTH = idempotency_keys.FINISH.where(select(_DONE.c.id).exists())

# The same the other way around, for what must store nothing when the claim is lost: the audit row waits for the key.
_PENDING = select(_AUDIT.c.id).where(_AUDIT.c.id == bindparam("row_id"), _AUDIT.c.status == PENDING)
_KEPT = idempotency_keys.FINISH.where(_PENDING.exists()).returning(IdempotencyKey.scope).cte("kept")
_DONE_AND_KEPT = audit_logs.FINISH.where(select(_KEPT.c.scope).exists()).returning(_AUDIT.c.id).cte("done")


def begin(claim: IdempotencyClaim, audit_row: dict[str, Any], now: datetime, look: Look | None = None) -> bool:
    """Store a claim and the pending audit row of what it is for; False, and neither, when the key is claimed.

    PostgreSQL takes ``look`` in the same statement. SQLite must not: what was seen before the transaction that
    moves the money may have changed when that begins.
    """
    key = {"scope": claim.scope, "fingerprint": claim.fingerprint, "claim_id": claim.id, "claimed_at": now}
    if look is None or database.is_sqlite():
        return bulk.claim(key, audit_row)
    look.taken = bulk.claim_and_read(key, audit_row, look.query, look.parameters)
    return look.taken is not None


def finish(
    outcome: Outcome,
    writes: bulk.Tables,
    base: bulk.Rows = (),
    answered: tuple[IdempotencyClaim, Answer] | None = None,
) -> bool:
    """Store the outcome with what was done and the answer; False, when the claim is no longer held.

    Inside a transaction its end decides. Outside, which is for PostgreSQL alone, this is one statement that
    commits by itself: it locks the accounts of ``base``, moves the legs in ``writes`` along by what
    became of each account since it was read as ``base`` says, and stores all or, when it returns False,
    nothing. Raises NeedsLock when the database refuses the legs there.
    """
    parameters = outcome.parameters()
    if answered is not None:
        claim, answer = answered
        parameters |= idempotency_keys.finish_parameters(claim.scope, claim.id, answer, outcome.finished_at)
    if not database.in_transaction():
        try:
            return bulk.insert_rebased(writes, base, _DONE_AND_KEPT if answered else _DONE, parameters)
        except IntegrityError as refusal:
            raise database.NeedsLock from refusal
    if answered is None:
        bulk.insert_and_change(writes, audit_logs.FINISH, parameters)
        return True
    if database.is_sqlite():
        bulk.insert_and_change(writes, audit_logs.FINISH, outcome.parameters())
        return connections.change(idempotency_keys.FINISH, parameters) == 1
    return bulk.insert_and_change(writes, _FINISH_BOTH, parameters) == 1
