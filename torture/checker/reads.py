"""Reads never go back: a read shows at least what every read and write that ended before it had shown.

The position of an account is the number of its transactions. A read begins after another request if it was sent after
the answer to that request had arrived; two requests at the same time may show either order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torture.checker.effects import promised_effects
from torture.checker.verdict import STALE_READ, Finding
from torture.history import OK, Attempt, Entry
from torture.observation import Observation
from torture.operations import READS


@dataclass
class _Timeline:
    """The final history of one account, and which positions were shown until when."""

    positions: dict[str, int]
    by_balance: dict[int, list[int]]
    shown: list[tuple[int, int]] = field(default_factory=list)
    reads: list[tuple[Attempt, str]] = field(default_factory=list)


def check_reads(entries: Sequence[Entry], observation: Observation) -> Iterator[Finding]:
    """Yield each read that shows an older state than one that was shown before it began."""
    timelines = {
        account["id"]: _timeline(observation.transactions.get(account["id"], [])) for account in observation.accounts
    }
    legs = observation.legs
    for entry in entries:
        if entry.operation.kind in READS and entry.answer is not None and entry.outcome == OK:
            timelines[_account(entry)].reads.append((entry.answer, entry.operation.id))
        else:
            for account_id, position in _written(entry, legs, timelines):
                assert entry.answer is not None
                assert entry.answer.ended is not None
                timelines[account_id].shown.append((entry.answer.ended, position))
    for account_id, timeline in timelines.items():
        yield from _check(account_id, timeline)


def _timeline(rows: list[dict[str, Any]]) -> _Timeline:
    by_balance: dict[int, list[int]] = defaultdict(list)
    by_balance[0].append(0)
    for position, row in enumerate(rows, 1):
        by_balance[row["balance_after"]].append(position)
    return _Timeline({row["id"]: position for position, row in enumerate(rows, 1)}, by_balance)


def _account(entry: Entry) -> str:
    path = entry.operation.path
    if entry.operation.kind == "read_account":
        return path.split("/")[2]
    return path.partition("account_id=")[2].partition("&")[0]


def _written(
    entry: Entry, legs: dict[str, list[tuple[str, str]]], timelines: dict[str, _Timeline]
) -> Iterator[tuple[str, int]]:
    """Yield the accounts that a successful operation changed, with the positions of its transactions."""
    for effect in promised_effects(entry):
        if effect.kind in ("deposit", "withdrawal"):
            accounts = [(effect.content["account_id"], effect.content["id"])]
        elif effect.kind in ("transfer", "reversal"):
            accounts = legs.get(effect.content["id"], [])
        else:
            accounts = []
        for account_id, transaction_id in accounts:
            position = timelines[account_id].positions.get(transaction_id) if account_id in timelines else None
            if position is not None:
                yield account_id, position


def _check(account_id: str, timeline: _Timeline) -> Iterator[Finding]:
    """Go through the reads in the order of their answers; each raises the least position of those that begin later."""
    ends: list[int] = []
    floors: list[int] = []
    events: list[tuple[int, int, Attempt | None, str]] = [(end, position, None, "") for end, position in timeline.shown]
    events += [(attempt.ended or 0, 0, attempt, operation) for attempt, operation in timeline.reads]
    for end, position, attempt, operation in sorted(events, key=lambda event: event[0]):
        shown = position
        if attempt is not None:
            before = bisect_left(ends, attempt.started)
            floor = floors[before - 1] if before else 0
            found = _shown(attempt.body, timeline, floor)
            if found is None:
                message = (
                    f"a read of account {account_id} shows an older state than position {floor}: {attempt.text[:300]}"
                )
                yield Finding(STALE_READ, message, (operation,))
                continue
            shown = found
        ends.append(end)
        floors.append(max(shown, floors[-1] if floors else 0))


def _shown(body: dict[str, Any], timeline: _Timeline, floor: int) -> int | None:
    """Return the position that a read shows, or None if it is below ``floor`` or not in the final history."""
    if "items" in body:
        position = timeline.positions.get(body["items"][0]["id"]) if body["items"] else 0
        return position if position is not None and position >= floor else None
    positions = timeline.by_balance.get(body["balance"], [])
    # The same balance can come back; the earliest position that is possible proves the least.
    index = bisect_left(positions, floor)
    return positions[index] if index < len(positions) else None
