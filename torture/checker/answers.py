"""The answers by themselves: no server error, no refusal without a reason, the same answer to every repetition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from torture.checker.verdict import CHANGED, SERVER_ERROR, UNEXPECTED_REFUSAL, Finding
from torture.history import DEFINITE, FAIL, Entry

_FUNDS: Final = {"insufficient_funds", "currency_mismatch"}

REFUSALS: Final = {
    "deposit": {"currency_mismatch"},
    "withdrawal": _FUNDS,
    "transfer": _FUNDS,
    "batch": _FUNDS,
    "authorization": _FUNDS,
    "capture": {"state_conflict"},
    "void": {"state_conflict"},
    "reversal": {"state_conflict", "insufficient_funds"},
    "refresh": {"refresh_token_reused", "refresh_token_invalid"},
}
"""Kind of an operation → codes with which it may rightly be refused."""


def check_answers(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Yield server errors, unexpected refusals, and repetitions that were answered differently."""
    for entry in entries:
        operation = entry.operation
        for attempt in entry.attempts:
            if attempt.status == 500:
                message = f"{attempt.request_id} was answered 500: {attempt.text[:300]}"
                yield Finding(SERVER_ERROR, message, (operation.id,))
        answer = entry.answer
        if answer is None:
            continue
        if entry.outcome == FAIL and answer.code not in REFUSALS.get(operation.kind, set()):
            message = f"{operation.kind} {operation.id} was refused: {answer.status} {answer.text[:300]}"
            yield Finding(UNEXPECTED_REFUSAL, message, (operation.id,))
        for attempt in entry.attempts:
            if attempt.outcome in DEFINITE and (attempt.status, attempt.text) != (answer.status, answer.text):
                message = f"{operation.id} was answered {answer.status} {answer.text[:300]}"
                message += f", and its repetition {attempt.status} {attempt.text[:300]}"
                yield Finding(CHANGED, message, (operation.id,))
