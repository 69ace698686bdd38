"""The checker: compares the history of a run with the final state. It reads and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from torture.checker.answers import check_answers
from torture.checker.audit import check_audit
from torture.checker.books import check_books
from torture.checker.effects import check_effects
from torture.checker.reads import check_reads
from torture.checker.verdict import SERVER_ERROR, VERIFICATION, Finding, Verdict
from torture.history import Entry
from torture.observation import Observation

__all__ = ["Finding", "Verdict", "check"]


def check(entries: Sequence[Entry], observation: Observation, gaps: Sequence[str] = ()) -> Verdict:
    """Return the verdict on a history whose final state is ``observation``.

    ``gaps`` says what else was incomplete. Where the observation has gaps, a row that is missing there proves nothing;
    then only the answers are checked.
    """
    all_gaps = [*gaps, *observation.gaps]
    all_gaps += [
        f"the outcome of {entry.operation.id} stayed unknown"
        for entry in entries
        if entry.outcome is None and (entry.operation.has_key or entry.operation.kind == "refresh")
    ]
    if not any(entry.outcome for entry in entries):
        all_gaps.append("no operation got an answer")
    findings = list(check_answers(entries))
    findings += [Finding(SERVER_ERROR, f"the server logged an error of {error}") for error in observation.errors]
    findings += [Finding(VERIFICATION, fault) for fault in observation.faults]
    if not observation.gaps:
        findings += check_effects(entries, observation)
        findings += check_books(entries, observation)
        findings += check_reads(entries, observation)
        findings += check_audit(entries, observation)
    return Verdict(findings, all_gaps)
