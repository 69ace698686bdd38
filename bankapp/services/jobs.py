"""The jobs that the worker repeats (``flask work``), and what a job is.

A job is right when it runs late, twice, or in two workers at once: its rows, keys and locks decide, not the lease.
The lease (:mod:`bankapp.services.leases`) only keeps two workers from doing the same work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bankapp import errors
from bankapp.services import (
    audit,
    audit_seals,
    authorizations,
    events,
    idempotency,
    search_index,
    statement_closings,
    verification,
    webhook_deliveries,
    webhook_fan_out,
)
from bankapp.services.identity import tokens

log = logging.getLogger(__name__)

DAY: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for a job: the number of items, the age of the oldest in seconds, and the items that were given up."""

    length: int
    lag_seconds: float = 0.0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is repeated every ``every_seconds`` after its last step ended.

    ``run`` does one bounded step in transactions of its own, and returns how many items the step dealt with. The step
    is repeated at once while that is not 0. No transaction may be open while ``run`` waits for the network. A step may
    be cut off anywhere, and another worker may run the same step at the same time.

    ``run`` raises FaultsFound for a finding that no repetition changes. Any other exception is repeated soon.

    ``name`` is a label of the metrics and the key of the lease: lower case, words joined by ``_``, at most 40
    characters. ``queue`` reads what waits for the job, in one cheap statement; the metrics call it at every scrape.
    """

    name: str
    run: Callable[[], int]
    every_seconds: float
    queue: Callable[[], Queue] | None = None


class FaultsFound(Exception):
    """A step ended and found something that people must look at. The job counts as failed until its next time."""


def _purge_tokens() -> int:
    return sum(tokens.purge().values())


def _seal_audit_log() -> int:
    try:
        count, head = audit_seals.seal()
    except errors.StateConflict:
        return 0  # another run seals the rows now
    if count:
        # The log leaves the machine, so a writer of the database cannot change the head there.
        log.info("audit log sealed", extra={"head": str(head), "sealed": count})
    return 0


def _verify_ledger() -> int:
    faults = 0

    def report(fault: verification.Fault) -> None:
        nonlocal faults
        faults += 1
        log.error("ledger fault: %s", fault)

    checked = verification.verify(report, lambda _done, _total: None)
    if faults:
        raise FaultsFound(f"{faults} faults in the ledger")
    log.info("ledger verified", extra={"checked": checked})
    return 0


def _close_statements() -> int:
    closing = statement_closings.close_all()
    if closing.refused:
        raise FaultsFound(f"statements refused for the accounts {', '.join(closing.refused)}: verify the ledger")
    return 0


def _unnumbered_events() -> Queue:
    return Queue(*events.backlog())


def _open_deliveries() -> Queue:
    return Queue(*webhook_deliveries.backlog())


def _purge_webhooks() -> int:
    webhook_deliveries.purge()
    return 0


JOBS: Final = (
    Job("number_events", events.number, every_seconds=0.25, queue=_unnumbered_events),
    Job("fan_out_events", webhook_fan_out.fan_out, every_seconds=0.25),
    Job("deliver_webhooks", webhook_deliveries.deliver, every_seconds=0.25, queue=_open_deliveries),
    Job("index_transactions", search_index.index, every_seconds=60),
    Job("expire_holds", authorizations.expire, every_seconds=300),
    Job("settle_audit", audit.settle, every_seconds=300),
    Job("seal_audit", _seal_audit_log, every_seconds=300),
    Job("purge_tokens", _purge_tokens, every_seconds=DAY),
    Job("purge_idempotency", idempotency.purge, every_seconds=DAY),
    Job("purge_webhooks", _purge_webhooks, every_seconds=DAY),
    Job("close_statements", _close_statements, every_seconds=DAY),
    Job("verify_ledger", _verify_ledger, every_seconds=DAY),
)
"""Every job of the worker. A new job is a line here."""
