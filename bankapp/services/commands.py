"""Commands: how a sensitive action is carried out, from its claim to its one commit.

1. The claim of the idempotency key and a ``pending`` audit row are stored before anything moves.
2. The command's ``decide`` says what is to happen. It returns a :class:`Decision` or raises a refusal.
3. Postings, outcome and remembered answer are stored in one commit. A refusal is rolled back; the audit row
   becomes a ``failure`` with its code.

:func:`carry_out` is for decisions that rest on accounts alone, :func:`carry_out_in_transaction` for those that
read, lock or change other rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, TypeVar

from bankapp import context, db, errors, ids, tracing
from bankapp.models.audit_log import FAILURE, PENDING, SUCCESS
from bankapp.repositories import audit_logs, claims
from bankapp.services import audit, idempotency, ledger
from bankapp.services.idempotency import Claim
from bankapp.services.ledger import AccountNames, Accounts, Draft

T = TypeVar("T")
Facts = Mapping[str, Any]

# Refusals that say nothing lasting about the request: the same request may fare better.
_NOT_REMEMBERED: Final = (
    errors.Unavailable,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.RateLimited,
    errors.ValidationFailed,
    errors.IdempotencyInFlight,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """What is attempted: what the pending audit row tells. ``id`` is the row's id.

    A command that ``moves_money`` must come to at least one posting, or to a refusal.
    """

    event_type: str
    resource_type: str
    resource_id: str | None = None
    facts: Facts = field(default_factory=dict)
    moves_money: bool = False
    id: str = field(default_factory=ids.new)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a command that is refused alone: a separate command, with the reason."""

    command: Command
    refusal: errors.BankError


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What is to happen: the result for the caller, and what is stored with it.

    ``resource_id`` and ``facts`` complete the audit row, ``postings`` is the money that moves. ``events`` are the
    events of other resources (rows of :func:`bankapp.services.events.row_about`). ``refused`` are parts that get a
    failed audit row each.
    """

    result: T
    resource_id: str | None = None
    facts: Facts = field(default_factory=dict)
    postings: Draft = field(default_factory=Draft)
    events: Sequence[Mapping[str, Any]] = ()
    refused: Sequence[Part] = ()


class Refused(Exception):
    """A refusal that leaves more behind than the failed audit row.

    ``facts`` complete that row, ``parts`` get audit rows of their own. ``leave`` stores rows in the transaction
    that records the failure, after the command's own was rolled back.
    """

    def __init__(
        self,
        refusal: errors.BankError,
        *,
        facts: Facts | None = None,
        parts: Sequence[Part] = (),
        leave: Callable[[], None] | None = None,
    ) -> None:
        self.refusal = refusal
        self.facts = facts or {}
        self.parts = parts
        self.leave = leave
        super().__init__(refusal.detail)


def carry_out(
    command: Command,
    decide: Callable[[Accounts], Decision[T]],
    claim: Claim | None,
    *,
    accounts: AccountNames,
    on_snapshot: bool = False,
) -> T:
    """Carry out a command whose decision rests on ``accounts`` alone, and return the decision's result.

    ``decide`` is pure: it may be called twice. ``on_snapshot`` lets it decide first on a snapshot of the
    accounts, which PostgreSQL stores in one statement that holds their locks no longer than it runs; where the
    accounts changed too much, ``decide`` is called again under their lock. The stored legs may then continue
    another balance than the snapshot's, so the result must not tell one.

    Raises what ``decide`` raises, after the failure is recorded, and Replay when the request was answered before.
    """
    with tracing.span(command.event_type):
        seen = _begin(command, claim, accounts if on_snapshot and not db.in_transaction() else None)

        def under_lock() -> Decision[T]:
            decision = None
            if on_snapshot and seen is None:
                decision = _decide(decide, ledger.lock(accounts, release_expired=False))
            return _store(command, decision or decide(ledger.lock(accounts)), claim)

        def run() -> Decision[T]:
            found = None if seen is None else _try_on_snapshot(command, decide, claim, seen)
            return db.run(under_lock) if found is None else found

        return _finish(command, claim, run)


def carry_out_in_transaction(command: Command, decide: Callable[[], Decision[T]], claim: Claim | None = None) -> T:
    """Carry out a command whose ``decide`` reads, locks and changes rows itself, inside the one transaction.

    A serialization failure calls ``decide`` again in a new transaction. Returns and raises as :func:`carry_out`.
    """
    with tracing.span(command.event_type):
        _begin(command, claim, None)
        return _finish(command, claim, lambda: db.run(lambda: _store(command, decide(), claim)))


def _begin(command: Command, claim: Claim | None, names: AccountNames | None) -> Accounts | None:
    """Store claim and pending audit row; return a snapshot of the named accounts where the dialect takes one."""
    row = _audit_row(command, PENDING, command.facts, _user_id(claim))
    key = None if claim is None else claim.row(command.id, row["created_at"])

    def begin() -> Accounts | None:
        begun = claims.begin(key, row, names)
        if begun is None:
            assert claim is not None, "only a claim can be taken"
            idempotency.resolve(claim, command.id)
            begun = claims.begin(None, row, names)
        found = begun.accounts if begun is not None else None
        return None if found is None else {account.id: account for account in found}

    try:
        return db.run_statement(begin)
    except db.OutcomeUnknown as problem:
        _record_failure(command, claim, Refused(problem))
        raise


def _try_on_snapshot(
    command: Command, decide: Callable[[Accounts], Decision[T]], claim: Claim | None, seen: Accounts
) -> Decision[T] | None:
    """Decide on a snapshot and store that; None where it takes the lock to decide."""
    decision = _decide(decide, seen)
    # Without postings there is no snapshot to hold against the accounts.
    if decision is None or not decision.postings.base:
        return None
    try:
        return db.run_statement(lambda: _store(command, decision, claim, ledger.store_on_snapshot))
    except db.ConstraintViolated:
        return None


def _decide(decide: Callable[[Accounts], Decision[T]], accounts: Accounts) -> Decision[T] | None:
    """Decide on accounts whose expired holds were not released; None where these may be in the way."""
    try:
        return decide(accounts)
    except errors.InsufficientFunds:
        if any(account.held for account in accounts.values()):
            return None
        raise


def _store(
    command: Command, decision: Decision[T], claim: Claim | None, store: Callable[..., bool] = ledger.store
) -> Decision[T]:
    """Store what was decided, with the outcome and the answer.

    Raises IdempotencyInFlight, or Unavailable without a claim, when the attempt was given up meanwhile.
    """
    if command.moves_money and decision.postings.is_empty and not decision.refused:
        raise AssertionError(f"{command.event_type} moved no money and was not refused")
    outcome = audit.outcome(
        command.id, SUCCESS, decision.resource_id or command.resource_id, {**command.facts, **decision.facts}
    )
    failures = _rows_of_parts(decision.refused, _user_id(claim)) if decision.refused else []
    rows = {"events": decision.events, "audit_logs": failures}
    answered = None
    if claim is not None:
        answered = claim.answered(command.id, claim.render(decision.result), outcome["new_finished_at"])
    if not store(decision.postings, rows, outcome, answered):
        raise _taken_over(claim)
    return decision


def _finish(command: Command, claim: Claim | None, run: Callable[[], Decision[T]]) -> T:
    """Run what was begun, record a failure, and log the event."""
    try:
        decision = run()
    except Refused as problem:
        _record_failure(command, claim, problem)
        raise problem.refusal from None
    except Exception as problem:
        _record_failure(
            command, claim, Refused(problem if isinstance(problem, errors.BankError) else errors.BankError())
        )
        raise
    facts = {**command.facts, **decision.facts}
    audit.log_event(command.event_type, SUCCESS, decision.resource_id or command.resource_id, facts)
    return decision.result


def _record_failure(command: Command, claim: Claim | None, refused: Refused) -> None:
    """Record a failure, and with it the answer that is remembered for the key.

    Raises what to answer instead where that answer could not be kept: a client must not be refused for good
    while its retry may succeed.
    """
    refusal = refused.refusal
    is_lasting = not isinstance(refusal, _NOT_REMEMBERED) and type(refusal) is not errors.BankError
    try:
        has_failed, is_kept = db.run(partial(_store_failure, command, claim, refused, is_lasting=is_lasting))
    except errors.Unavailable:
        # The row stays pending, which says as much.
        log.warning("a failure could not be recorded", exc_info=True)
        if claim is not None and is_lasting:
            raise
        return
    if has_failed:
        audit.log_event(command.event_type, FAILURE, command.resource_id, _failure_facts(command, refused))
    else:
        log.warning("audit row %s had its outcome: a commit whose answer was lost, or a retry", command.id)
    if not is_kept:
        raise idempotency.in_flight()


def _store_failure(command: Command, claim: Claim | None, refused: Refused, *, is_lasting: bool) -> tuple[bool, bool]:
    """Tell whether the audit row became a failure (False: it was finished), and whether the claim is still held."""
    if is_lasting and refused.leave is not None:
        refused.leave()
    # The key before the audit row: every transaction locks the two in this order.
    is_kept = True
    if claim is not None and is_lasting:
        is_kept = idempotency.keep(claim, command.id, claim.render_refusal(refused.refusal))
    elif claim is not None:
        idempotency.release(claim, command.id)
    facts = _failure_facts(command, refused)
    has_failed = audit_logs.finish(audit.outcome(command.id, FAILURE, command.resource_id, facts))
    if has_failed:
        for row in _rows_of_parts(refused.parts, _user_id(claim)):
            audit_logs.add(row)
    return has_failed, is_kept


def _failure_facts(command: Command, refused: Refused) -> Facts:
    return {**command.facts, **refused.facts, "code": refused.refusal.code}


def _rows_of_parts(parts: Sequence[Part], user_id: str) -> list[dict[str, Any]]:
    return [
        _audit_row(part.command, FAILURE, {**part.command.facts, "code": part.refusal.code}, user_id) for part in parts
    ]


def _audit_row(command: Command, status: str, facts: Facts, user_id: str) -> dict[str, Any]:
    return audit.new_row(
        command.id,
        command.event_type,
        user_id=user_id,
        resource_type=command.resource_type,
        resource_id=command.resource_id,
        status=status,
        metadata=facts,
    )


def _taken_over(claim: Claim | None) -> errors.BankError:
    """Return the refusal of an attempt that took so long that it was given up: nothing of it was stored."""
    if claim is not None:
        return idempotency.in_flight()
    return errors.Unavailable("The request took too long and was given up.", retry_after_seconds=1)


def _user_id(claim: Claim | None) -> str:
    return context.user().id if claim is None else claim.user_id
