"""The history of a run: a JSONL file in which each line is on the disk before its event takes effect.

A line is ``invoke`` (a request is about to be sent), ``ok`` (2xx), ``fail`` (a definite refusal), ``info`` (anything
else: the outcome is unknown) or ``fault``. Times are nanoseconds of one monotonic clock.
"""

from __future__ import annotations

import json
import os
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from torture.operations import Operation

OK: Final = "ok"
FAIL: Final = "fail"
INFO: Final = "info"
HUNG_UP: Final = "hung up"
"""The reason of an unknown outcome that the client itself caused."""

IN_FLIGHT: Final = 409
"""The status of a resend whose first attempt still runs, also where the client had hung up."""

DEFINITE: Final = frozenset({OK, FAIL})


@dataclass
class Attempt:
    """One request of an operation. ``outcome`` is None while no answer is known to the history.

    ``reason`` tells why an outcome is unknown; ``code`` is that of a problem document.
    """

    request_id: str
    started: int
    ended: int | None = None
    outcome: str | None = None
    status: int | None = None
    text: str = ""
    reason: str = ""

    @property
    def body(self) -> Any:
        """The answer's JSON, or an empty object."""
        return json.loads(self.text) if self.text else {}

    @property
    def code(self) -> str:
        """The code of a problem document, or an empty string."""
        return str(self.body.get("code", "")) if self.outcome != OK else ""


@dataclass
class Entry:
    """An operation and all its attempts, in the order in which they were sent."""

    operation: Operation
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def answer(self) -> Attempt | None:
        """The first definite attempt, or None while the outcome is unknown."""
        return min((one for one in self.attempts if one.outcome in DEFINITE), key=_end, default=None)

    @property
    def outcome(self) -> str | None:
        """``ok``, ``fail``, or None for unknown."""
        return self.answer.outcome if self.answer else None


@dataclass
class Strike:
    """One stroke of a fault: its times, what shows that it happened, and the unknown outcomes meanwhile.

    ``mended`` is when its mending began, ``recovered`` the first success after its end.
    """

    fault: str
    struck: int
    mended: int
    recovered: int | None
    evidence: str
    unknowns: int
    is_effective: bool


class History:
    """Appends to the file; safe for many threads, which share the calls of fsync."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._sync = threading.Lock()
        self._written = self._synced = 0
        self._times: dict[str, list[int]] = {OK: [], INFO: []}

    def invoke(self, operation: Operation, request_id: str, *, first: bool) -> None:
        """Write that a request is about to be sent; its first attempt describes the operation."""
        record: dict[str, Any] = {"event": "invoke", "id": operation.id, "request_id": request_id}
        if first:
            described = asdict(operation)
            del described["secret"]
            record["operation"] = described
        self._append(record)

    def complete(self, operation: Operation, request_id: str, outcome: str, **facts: Any) -> None:
        """Write the outcome of an attempt, with ``status`` and ``text`` of the answer or a ``reason``."""
        self._append({"event": outcome, "id": operation.id, "request_id": request_id} | facts)

    def strike(self, strike: Strike) -> None:
        """Write one stroke of a fault."""
        self._append({"event": "fault"} | asdict(strike))

    def between(self, outcome: str, start: int, end: int) -> int:
        """Return how many attempts got this outcome in a span of time.

        Attempts that the client hung up, and resends that came too early, are not counted: they show no fault.
        """
        with self._lock:
            times = self._times[outcome]
            return bisect_right(times, end) - bisect_left(times, start)

    def first_after(self, outcome: str, start: int) -> int | None:
        """Return when the first attempt after ``start`` got this outcome; None if none did."""
        with self._lock:
            times = self._times[outcome]
            position = bisect_right(times, start)
            return times[position] if position < len(times) else None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, record: dict[str, Any]) -> None:
        with self._lock:
            at = time.monotonic_ns()
            self._file.write(json.dumps({"at": at} | record) + "\n")
            self._written = mine = self._written + 1
            if record.get("reason") != HUNG_UP and record.get("status") != IN_FLIGHT:
                self._times.get(record["event"], []).append(at)
        # A thread that waited here often finds its line synced by the thread before it.
        with self._sync:
            if self._synced < mine:
                with self._lock:
                    self._file.flush()
                    written = self._written
                os.fsync(self._file.fileno())
                self._synced = written

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(lines: Iterable[str]) -> tuple[list[Entry], list[Strike]]:
    """Return the operations with their attempts, and the strokes of faults, from the lines of a history."""
    entries: dict[str, Entry] = {}
    attempts: dict[str, Attempt] = {}
    strikes = []
    for line in lines:
        record = json.loads(line)
        at, event = record.pop("at"), record.pop("event")
        if event == "fault":
            strikes.append(Strike(**record))
        elif event == "invoke":
            if "operation" in record:
                entries[record["id"]] = Entry(Operation(**record["operation"]))
            attempt = attempts[record["request_id"]] = Attempt(record["request_id"], at)
            entries[record["id"]].attempts.append(attempt)
        else:
            attempt = attempts[record["request_id"]]
            attempt.ended, attempt.outcome = at, event
            attempt.status = record.get("status")
            attempt.text, attempt.reason = record.get("text", ""), record.get("reason", "")
    return list(entries.values()), strikes


def _end(attempt: Attempt) -> int:
    assert attempt.ended is not None, "a definite attempt has ended"
    return attempt.ended
