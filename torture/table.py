"""The table of a run: one line for each fault, and one for the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

from rich.console import Console
from rich.table import Table

from torture.checker.verdict import DOUBLED, FAIL, LOST, PASS, SERVER_ERROR, UNKNOWN, Finding
from torture.history import INFO, Attempt, Strike
from torture.run import Result

COLUMNS = (
    "fault",
    "database",
    "effective",
    "requests meanwhile",
    "unknown",
    "lost",
    "doubled",
    "500s",
    "recovered in, median",
    "max",
    "verdict",
)
FINDINGS_SHOWN = 20


def print_results(console: Console, results: Iterable[Result]) -> None:
    """Print the table, and below it what was found and what is missing."""
    results = list(results)
    table = Table(*COLUMNS)
    for result in results:
        for row in rows(result):
            table.add_row(*row)
        table.add_section()
    console.print(table)
    for result in results:
        database, verdict = result.plan.database, result.verdict
        for finding in verdict.findings[:FINDINGS_SHOWN]:
            console.print(f"{database}: {finding}", markup=False, highlight=False)
        if more := len(verdict.findings) - FINDINGS_SHOWN:
            console.print(f"{database}: and {more} more findings") if more > 0 else None
        for gap in verdict.gaps:
            console.print(f"{database}: {gap}", markup=False, highlight=False)


def rows(result: Result) -> list[tuple[str, ...]]:
    """Return the lines of one run."""
    lines = []
    for fault in dict.fromkeys(strike.fault for strike in result.strikes):
        strikes = [strike for strike in result.strikes if strike.fault == fault]
        lines.append(_row(result, fault, strikes))
    return [*lines, _row(result, "all", result.strikes)]


def _row(result: Result, fault: str, strikes: list[Strike]) -> tuple[str, ...]:
    spans = [(strike.struck, strike.recovered or strike.mended) for strike in strikes]
    hit = {
        entry.operation.id
        for entry in result.entries
        if fault == "all" or any(_overlaps(attempt, spans) for attempt in entry.attempts)
    }
    attempts = [
        attempt for entry in result.entries for attempt in entry.attempts if fault == "all" or _overlaps(attempt, spans)
    ]
    findings = [
        finding
        for finding in result.verdict.findings
        if fault == "all" or any(operation in hit for operation in finding.operations)
    ]
    effective = sum(strike.is_effective for strike in strikes)
    seconds = [(strike.recovered - strike.mended) / 1e9 for strike in strikes if strike.recovered]
    count: Callable[[str], str] = lambda rule: str(sum(finding.rule == rule for finding in findings))  # noqa: E731
    return (
        fault,
        result.plan.database,
        f"{effective} of {len(strikes)}",
        str(len(attempts)),
        str(sum(attempt.outcome == INFO for attempt in attempts)),
        count(LOST),
        count(DOUBLED),
        count(SERVER_ERROR),
        f"{median(seconds):.2f} s" if seconds else "–",
        f"{max(seconds):.2f} s" if seconds else "–",
        result.verdict.outcome if fault == "all" else _verdict(findings, effective),
    )


def _verdict(findings: list[Finding], effective: int) -> str:
    if findings:
        return FAIL
    return PASS if effective else UNKNOWN


def _overlaps(attempt: Attempt, spans: list[tuple[int, int]]) -> bool:
    ended = attempt.ended or attempt.started
    return any(attempt.started <= end and ended >= start for start, end in spans)
