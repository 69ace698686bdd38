"""The audit log: one finished row for each outcome, found by the request ids of an operation's attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from torture.checker.verdict import AUDIT, Finding
from torture.history import FAIL, OK, Entry
from torture.observation import Observation

Row = dict[str, Any]

EVENTS: Final = {
    "transfer": "transfer",
    "batch": "transfer_batch",
    "deposit": "deposit",
    "withdrawal": "withdrawal",
    "reversal": "reversal",
    "authorization": "card_authorization",
    "capture": "card_capture",
    "void": "card_void",
}
"""Kind of an operation → event type of its audit rows."""

PASSING: Final = frozenset({"abandoned", "unavailable", "idempotency_in_flight"})
"""Codes of attempts that came to no lasting outcome."""


def check_audit(entries: Sequence[Entry], observation: Observation) -> Iterator[Finding]:
    """Yield outcomes without exactly one row, rows that no outcome explains, and rows without an outcome."""
    by_request: dict[str, list[Row]] = defaultdict(list)
    for row in observation.audit:
        if row["status"] == "pending":
            yield Finding(AUDIT, f"the row {_short(row)} is pending")
        by_request[row["request_id"]].append(row)
    known = set()
    for entry in entries:
        requests = [attempt.request_id for attempt in entry.attempts]
        known.update(requests)
        if entry.operation.kind in EVENTS:
            rows = [row for request in requests for row in by_request.get(request, [])]
            yield from _check_command(entry, rows)
        elif entry.operation.kind == "refresh":
            yield from _check_refresh(entry, by_request)
    events = set(EVENTS.values())
    for row in observation.audit:
        if row["event_type"] in events and row["request_id"] not in known:
            yield Finding(AUDIT, f"no request explains the row {_short(row)}")


def _check_command(entry: Entry, rows: list[Row]) -> Iterator[Finding]:
    operation = entry.operation
    mine = [row for row in rows if "batch_id" not in row["metadata"]]
    final = [row for row in mine if row["metadata"].get("code") not in PASSING and row["status"] != "pending"]
    for row in mine:
        if row["event_type"] != EVENTS[operation.kind]:
            yield Finding(AUDIT, f"{operation.id} left a row of another kind: {_short(row)}", (operation.id,))
    if entry.answer is None:
        if len(final) > 1:
            yield Finding(AUDIT, f"{operation.id} has the outcomes {_outcomes(final)}", (operation.id,))
        return
    expected = ("success", None) if entry.outcome == OK else ("failure", entry.answer.code)
    if _outcomes(final) != [expected]:
        message = f"{operation.id} ended with {expected}, and its rows are {_outcomes(final)}"
        yield Finding(AUDIT, message, (operation.id,))
    elif operation.kind == "batch":
        yield from _check_parts(entry, final[0]["id"], rows)


def _check_parts(entry: Entry, batch_id: str, rows: list[Row]) -> Iterator[Finding]:
    """Compare the rows of a batch's refused transfers with its answer."""
    assert entry.answer is not None
    body = entry.answer.body
    parts = [row["metadata"] for row in rows if row["metadata"].get("batch_id") == batch_id]
    if entry.outcome == FAIL:
        # The answer has one code, that of the first refusal.
        expected = sorted((int(index), "") for index in body.get("errors", {}))
        found = sorted((part["index"], "") for part in parts)
    else:
        expected = sorted((item["index"], item["error"]["code"]) for item in body["items"] if "error" in item)
        found = sorted((part["index"], part["code"]) for part in parts)
    if found != expected:
        message = f"{entry.operation.id} refused {expected}, and its rows of refused transfers are {found}"
        yield Finding(AUDIT, message, (entry.operation.id,))


def _check_refresh(entry: Entry, by_request: dict[str, list[Row]]) -> Iterator[Finding]:
    """Check the rows of a refresh. A reuse must follow an attempt whose success the client did not see."""
    operation, answer = entry.operation, entry.answer
    if answer is None:
        return
    succeeded = [
        attempt.request_id
        for attempt in entry.attempts
        for row in by_request.get(attempt.request_id, [])
        if row["event_type"] == "token_refresh" and row["status"] == "success"
    ]
    if entry.outcome == OK and succeeded.count(answer.request_id) != 1:
        yield Finding(AUDIT, f"{operation.id} succeeded, and its rows are of {succeeded}", (operation.id,))
    if answer.code == "refresh_token_reused" and not succeeded:
        message = f"{operation.id} was refused as a reuse, and no attempt before it succeeded"
        yield Finding(AUDIT, message, (operation.id,))


def _outcomes(rows: list[Row]) -> list[tuple[str, str | None]]:
    return [(row["status"], row["metadata"].get("code")) for row in rows]


def _short(row: Row) -> str:
    return f"{row['event_type']} {row['status']} {row['metadata']} of request {row['request_id']}"
