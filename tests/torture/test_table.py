"""What a run prints, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from torture import __main__ as command
from torture.checker import Finding, Verdict
from torture.checker.verdict import DOUBLED, LOST
from torture.history import INFO, OK, Attempt, Entry, Strike
from torture.operations import Operation
from torture.run import Plan, Result
from torture.table import explanations, rows

SECOND = 10**9


def operation(name: str, *attempts: tuple[int, int, str]) -> Entry:
    sent = [Attempt(f"{name}-{start}", start * SECOND, end * SECOND, outcome) for start, end, outcome in attempts]
    return Entry(Operation(name, "deposit", "POST", "/transactions"), sent)


def strike(fault: str, struck: int, mended: int, recovered: int, *, is_effective: bool = True) -> Strike:
    times = (second * SECOND for second in (struck, mended, recovered))
    return Strike(fault, *times, "evidence", 1, is_effective)


def result(verdict: Verdict) -> Result:
    entries = [
        operation("before", (1, 2, OK)),
        operation("cut", (9, 11, INFO), (15, 16, OK)),
        operation("late", (21, 22, INFO), (23, 24, OK)),
    ]
    strikes = [
        strike("worker-kill", 10, 11, 12),
        strike("worker-kill", 20, 21, 25),
        strike("restart", 30, 31, 32, is_effective=False),
    ]
    return Result(Plan("sqlite", 1, 1), entries, strikes, verdict, 1)


def test_a_fault_has_the_findings_of_the_operations_that_it_hit() -> None:
    findings = [Finding(LOST, "gone", ("cut",)), Finding(DOUBLED, "twice", ("before",))]
    assert rows(result(Verdict(findings))) == [
        ("worker-kill", "sqlite", "2 of 2", "3", "2", "1", "0", "0", "2.50 s", "4.00 s", "fail"),
        ("restart", "sqlite", "0 of 1", "0", "0", "0", "0", "0", "1.00 s", "1.00 s", "unknown"),
        ("all", "sqlite", "2 of 3", "5", "2", "1", "1", "0", "1.00 s", "4.00 s", "fail"),
    ]


def test_findings_are_grouped_by_rule() -> None:
    findings = [Finding(LOST, f"gone {number}") for number in range(9)] + [Finding(DOUBLED, "twice")]
    lines = list(explanations(result(Verdict(findings, ["a gap"]))))
    assert lines[:2] == ["sqlite: lost, 9 findings", "  gone 0"]
    assert lines[-3:] == ["sqlite: doubled, 1 findings", "  twice", "sqlite: a gap"]
    assert len(lines) == 1 + 5 + 2 + 1


@pytest.mark.parametrize(
    ("verdict", "exit_code"),
    [(Verdict(), 0), (Verdict([Finding(LOST, "gone")], ["a gap"]), 1), (Verdict([], ["a"]), 2)],
)
def test_the_exit_code_tells_the_verdict(
    verdict: Verdict, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = result(Verdict())
    monkeypatch.setattr(command, "run", lambda plan, _: result(verdict) if plan.database == "postgresql" else passed)
    assert command.main(["--folder", str(tmp_path)]) == exit_code
